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

"""The pages of PCI flavors."""

import functools
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import forms
from horizon import views as horizon_views
from horizon.utils import functions as horizon_functions

from pci_ext.policies import pci_devices
from pci_ext.policies import pci_flavor_access
from pci_ext.policies import pci_flavor_limits
from pci_ext.policies import pci_flavors
from pci_ext_dashboard import paging
from pci_ext_dashboard import policies
from pci_ext_dashboard import views
from pci_ext_dashboard.admin.flavors import forms as flavor_forms
from pci_ext_dashboard.admin.flavors import tables
from pci_ext_dashboard.api import pci
from pci_ext_dashboard.api import projects

INDEX_URL = reverse_lazy('horizon:admin:pci_flavors:index')


class IndexView(paging.PagedTableView):
    table_class = tables.PciFlavorsTable
    page_title = _('PCI Flavors')
    sort_keys = ('name',)

    def get_data(self) -> list[dict[str, Any]]:
        client = pci.client(self.request)
        try:
            return self.read_page(
                lambda query, limit: client.list_flavors(True, query, limit)
            )
        except Exception:
            exceptions.handle(
                self.request, _('Unable to list the PCI flavors.')
            )
            return []


class _PciFlavorMixin:
    """A page of one PCI flavor."""

    request: Any
    kwargs: dict[str, Any]

    @functools.cached_property
    def flavor(self) -> dict[str, Any]:
        try:
            return pci.client(self.request).show_flavor(self.kwargs['uuid'])
        except Exception:
            exceptions.handle(
                self.request,
                _('Unable to show the PCI flavor.'),
                redirect=INDEX_URL,
            )
            raise


class DetailView(_PciFlavorMixin, horizon_views.HorizonTemplateView):
    template_name = 'pci_ext/flavors/detail.html'
    page_title = '{{ flavor.name }}'

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        flavor = self.flavor
        limits = self._get_limits()
        ids = [*flavor.get('projects', ()), *limits.get('projects', ())]
        names = projects.names(self.request) if ids else {}
        context.update(
            flavor=flavor,
            usage=tables.describe_usage(flavor),
            access=[
                names.get(project_id, project_id)
                for project_id in flavor.get('projects', ())
            ],
            default_limit=limits.get('default'),
            limits=[
                (names.get(project_id, project_id), limit)
                for project_id, limit in limits.get('projects', {}).items()
            ],
            url=INDEX_URL,
            actions=tables.PciFlavorsTable(self.request).render_row_actions(
                flavor
            ),
        )
        return context

    def _get_limits(self) -> dict[str, Any]:
        if not policies.allows(self.request, pci_flavor_limits.INDEX):
            return {}
        try:
            return pci.client(self.request).show_limits(self.kwargs['uuid'])
        except Exception:
            exceptions.handle(self.request, _('Unable to show the limits.'))
            return {}


class _FormView(views.PolicyMixin, forms.ModalFormView):
    """A form with the devices that its specs match, on request."""

    template_name = 'pci_ext/flavors/form.html'
    success_url = INDEX_URL

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context['can_preview'] = policies.allows(
            self.request, pci_devices.INDEX
        )
        try:
            context['keys'] = pci.client(self.request).list_attributes()
        except Exception:
            exceptions.handle(
                self.request, _('Unable to list the attributes.')
            )
        return context

    def form_valid(self, form: flavor_forms.PciFlavorForm) -> HttpResponse:
        if 'preview' not in self.request.POST:
            return super().form_valid(form)
        matching = self._find_matching(form.cleaned_data['specs'])
        size = horizon_functions.get_page_size(self.request)
        context = self.get_context_data(form=form)
        context['more'] = len(matching) > size
        context['matching_table'] = tables.MatchingDevicesTable(
            self.request, data=matching[:size]
        )
        return self.render_to_response(context)

    def _find_matching(self, specs: dict[str, str]) -> list[dict[str, Any]]:
        """Return the first devices that match specs, and one more."""
        try:
            return (
                pci.client(self.request)
                .list_devices(
                    sorted(specs.items()),
                    horizon_functions.get_page_size(self.request) + 1,
                )
                .items
            )
        except Exception:
            exceptions.handle(
                self.request, _('Unable to list the matching devices.')
            )
            return []


class CreateView(_FormView):
    form_class = flavor_forms.CreatePciFlavor
    policies = (pci_flavors.CREATE,)
    page_title = _('Create PCI Flavor')
    submit_label = _('Create PCI Flavor')
    submit_url = reverse_lazy('horizon:admin:pci_flavors:create')


class UpdateView(_PciFlavorMixin, _FormView):
    form_class = flavor_forms.UpdatePciFlavor
    policies = (pci_flavors.UPDATE,)
    page_title = _('Edit PCI Flavor')
    submit_label = _('Save')

    def get_initial(self) -> dict[str, Any]:
        flavor = self.flavor
        return {
            **flavor,
            'flavor': flavor,
            'specs': flavor_forms.format_specs(flavor['specs']),
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.submit_url = reverse(
            'horizon:admin:pci_flavors:update', kwargs=self.kwargs
        )
        return super().get_context_data(**kwargs)


class AccessView(_PciFlavorMixin, views.PolicyMixin, forms.ModalFormView):
    form_class = flavor_forms.PciFlavorAccess
    policies = (
        pci_flavor_access.INDEX,
        pci_flavor_access.CREATE,
        pci_flavor_access.DELETE,
    )
    template_name = 'pci_ext/flavors/access.html'
    page_title = _('Edit Access')
    submit_label = _('Save')
    success_url = INDEX_URL

    def get_initial(self) -> dict[str, Any]:
        flavor = self.flavor
        return {
            'uuid': flavor['uuid'],
            'projects': flavor.get('projects', []),
            'project_names': projects.names(self.request),
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.submit_url = reverse(
            'horizon:admin:pci_flavors:access', kwargs=self.kwargs
        )
        return super().get_context_data(flavor=self.flavor, **kwargs)


class LimitsView(_PciFlavorMixin, views.PolicyMixin, forms.ModalFormView):
    form_class = flavor_forms.PciFlavorLimits
    policies = (pci_flavor_limits.INDEX, pci_flavor_limits.UPDATE)
    template_name = 'pci_ext/flavors/limits.html'
    page_title = _('Edit Limits')
    submit_label = _('Save')
    success_url = INDEX_URL

    def get_initial(self) -> dict[str, Any]:
        uuid = self.kwargs['uuid']
        try:
            limits = pci.client(self.request).show_limits(uuid)
        except Exception:
            exceptions.handle(
                self.request,
                _('Unable to show the limits.'),
                redirect=INDEX_URL,
            )
            raise
        return {
            'uuid': uuid,
            'project_names': projects.names(self.request),
            **limits,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        self.submit_url = reverse(
            'horizon:admin:pci_flavors:limits', kwargs=self.kwargs
        )
        return super().get_context_data(flavor=self.flavor, **kwargs)
