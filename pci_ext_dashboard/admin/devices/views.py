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

"""The pages of devices, hosts and migration plans."""

from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import views as horizon_views

from pci_ext.policies import pci_devices
from pci_ext_dashboard import paging
from pci_ext_dashboard import views
from pci_ext_dashboard.admin.devices import host_tree
from pci_ext_dashboard.admin.devices import tables
from pci_ext_dashboard.admin.evaluation import host_groups
from pci_ext_dashboard.api import pci


class IndexView(paging.PagedTableView):
    table_class = tables.PciDevicesTable
    page_title = _('PCI Devices')
    sort_keys = ('host', 'address')

    def get_data(self) -> list[dict[str, Any]]:
        client = pci.client(self.request)
        filters = list(self.get_filters().items())
        try:
            return self.read_page(
                lambda query, limit: client.list_devices(
                    filters + query, limit
                )
            )
        except Exception:
            exceptions.handle(self.request, _('Unable to list the devices.'))
            return []


class HostView(horizon_views.HorizonTemplateView):
    """A picture of a host."""

    template_name = 'pci_ext/devices/host.html'
    page_title = _('Devices of {{ host }}')

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context['statuses'] = tables.STATUSES
        context['nodes'] = host_tree.build(self._list_devices())
        return context

    def _list_devices(self) -> list[dict[str, Any]]:
        try:
            return (
                pci.client(self.request)
                .list_devices([('host', self.kwargs['host'])], None)
                .items
            )
        except Exception:
            exceptions.handle(self.request, _('Unable to list the devices.'))
            return []


class MigrationPlanView(views.PolicyMixin, horizon_views.HorizonTemplateView):
    template_name = 'pci_ext/devices/migration_plan.html'
    page_title = _('Plan of a Live Migration')
    policies = (pci_devices.MIGRATION_PLAN,)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        try:
            plan = pci.client(self.request).plan_migration(
                self.kwargs['instance_id'], None
            )
        except Exception:
            exceptions.handle(
                self.request,
                _('Unable to plan the live migration.'),
                redirect=reverse_lazy('horizon:admin:instances:index'),
            )
            raise
        context['plan'] = plan
        context['groups'] = host_groups.group(plan['hosts'])
        return context
