# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The page that evaluates requests."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import messages
from horizon import views

from pci_ext_dashboard.admin.evaluation import host_groups
from pci_ext_dashboard.api import pci


class IndexView(views.HorizonTemplateView):
    """A form with a request; with its result, if there is one.

    The request is a parameter of the page, which can be kept as a link.
    """

    template_name = 'pci_ext/evaluation/index.html'
    page_title = _('Why No Host?')

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        text = self.request.GET.get('request', '').strip()
        context['text'] = text
        if text:
            context['groups'] = self._evaluate(text)
        return context

    def _evaluate(self, text: str) -> list[host_groups.HostGroup] | None:
        try:
            page = pci.client(self.request).evaluate(text)
        except Exception:
            exceptions.handle(
                self.request, _('Unable to evaluate the request.')
            )
            return None
        if page.cells_down:
            messages.warning(
                self.request,
                _('Cells do not answer, and their hosts are missing: %s')
                % ', '.join(page.cells_down),
            )
        return host_groups.group(page.items)
