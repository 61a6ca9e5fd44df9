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

"""The pages of devices in a project, and the actions of its servers."""

from typing import Any

from django.http import HttpRequest
from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import forms as horizon_forms
from horizon import tables as horizon_tables

from pci_ext.policies import pci_devices
from pci_ext.policies import pci_flavor_limits
from pci_ext_dashboard import policies
from pci_ext_dashboard import views
from pci_ext_dashboard.api import pci
from pci_ext_dashboard.project.devices import forms
from pci_ext_dashboard.project.devices import tables
from pci_ext_dashboard.project.devices import tabs


def _list_flavors(request: HttpRequest) -> list[dict[str, Any]]:
    """List the PCI flavors that a user sees; none after an error."""
    try:
        flavors = pci.client(request).list_flavors(True, [], None)
    except Exception:
        exceptions.handle(request, _('Unable to list the PCI flavors.'))
        return []
    return flavors.items


class IndexView(horizon_tables.DataTableView):
    table_class = tables.UsableFlavorsTable
    page_title = _('Devices')

    def get_data(self) -> list[dict[str, Any]]:
        flavors = _list_flavors(self.request)
        limits = self._get_limits() if flavors else {}
        return [
            {**limits.get(flavor['name'], {}), **flavor} for flavor in flavors
        ]

    def _get_limits(self) -> dict[str, dict[str, Any]]:
        """Return the limit and the usage of the project by PCI flavor."""
        if not policies.allows(self.request, pci_flavor_limits.PROJECT):
            return {}
        try:
            limits = pci.client(self.request).list_project_limits(None)
        except Exception:
            exceptions.handle(self.request, _('Unable to list the limits.'))
            return {}
        return {limit['pci_flavor']: limit for limit in limits}


class ServerActionView(views.PolicyMixin, horizon_forms.ModalFormView):
    """A form for an action of a server; leads back to its devices."""

    template_name = 'pci_ext/devices/action.html'

    def get_initial(self) -> dict[str, Any]:
        return dict(self.kwargs)

    def form_valid(self, form: forms.ServerActionForm) -> HttpResponse:
        self.submitted = form
        return super().form_valid(form)

    def get_success_url(self) -> str:
        return self._devices_url({tabs.REQUEST_ID: self.submitted.request_id})

    def get_cancel_url(self) -> str:
        return self._devices_url({})

    def _devices_url(self, parameters: dict[str, str]) -> str:
        page = reverse(
            'horizon:project:instances:detail',
            args=[self.kwargs['instance_id']],
        )
        query = urlencode({'tab': tabs.SELECTED, **parameters})
        return f'{page}?{query}'

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.submit_url = self.request.path
        return super().get_context_data(**kwargs)


class AttachView(ServerActionView):
    form_class = forms.AttachDevices
    page_title = _('Attach Devices')
    submit_label = _('Attach')
    policies = (pci_devices.ATTACH,)

    def get_initial(self) -> dict[str, Any]:
        flavors = _list_flavors(self.request)
        return {**super().get_initial(), 'flavors': flavors}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            help_text=_(
                'The server gets all devices or none. A running guest sees '
                'them when they are attached.'
            ),
            **kwargs,
        )


class DetachView(ServerActionView):
    form_class = forms.DetachDevice
    page_title = _('Detach Device')
    submit_label = _('Detach')
    policies = (pci_devices.DETACH,)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            help_text=_(
                'The device %s is free for other servers when the guest has '
                'released it.'
            )
            % self.kwargs['dev_id'],
            **kwargs,
        )


class ReattachView(ServerActionView):
    form_class = forms.ReattachDevices
    page_title = _('Reattach Failed Devices')
    submit_label = _('Reattach')
    policies = (pci_devices.REATTACH,)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            help_text=_(
                'Attaches the devices that could not be attached after a live '
                'migration.'
            ),
            **kwargs,
        )
