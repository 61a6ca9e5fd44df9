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

"""The tab of the devices of an instance."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tabs

from pci_ext.policies import pci_devices
from pci_ext.policies import pci_pools
from pci_ext_dashboard import policies
from pci_ext_dashboard.api import pci
from pci_ext_dashboard.project.devices import tables

#: The parameter of the page that names the request of an action.
REQUEST_ID = 'pci_request_id'

#: The tab as the parameter ``tab`` of the page names it.
SELECTED = 'instance_details__pci_devices'


class DevicesTab(tabs.TableTab):
    """The devices of an instance, and those that its host has left.

    Only administrators see the devices of a host.
    """

    name = _('Devices')
    slug = 'pci_devices'
    table_classes = (tables.ServerDevicesTable, tables.HostPoolsTable)
    template_name = 'pci_ext/devices/_tab.html'
    preload = False

    @property
    def _instance(self) -> Any:
        return self.tab_group.kwargs['instance']

    def allowed(self, request: HttpRequest) -> bool:
        return policies.allows(
            request, pci_devices.SERVER, self._instance.tenant_id
        )

    def get_context_data(
        self, request: HttpRequest, **kwargs: Any
    ) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(request, **kwargs)
        context['shows_host'] = self._shows_host()
        context['host'] = self._host()
        context['task_state'] = getattr(
            self._instance, 'OS-EXT-STS:task_state', None
        )
        context['events'] = self._list_events()
        # To load the tab again.
        context['parameters'] = request.GET.urlencode()
        return context

    def get_server_devices_data(self) -> list[dict[str, Any]]:
        try:
            return pci.client(self.request).list_server_devices(
                self._instance.id
            )
        except Exception:
            exceptions.handle(self.request, _('Unable to list the devices.'))
            return []

    def get_host_pools_data(self) -> list[dict[str, Any]]:
        if not self._shows_host():
            return []
        try:
            page = pci.client(self.request).list_pools(
                [('host', self._host())], None
            )
        except Exception:
            exceptions.handle(
                self.request, _('Unable to list the devices of the host.')
            )
            return []
        return page.items

    def _host(self) -> str:
        return getattr(self._instance, 'OS-EXT-SRV-ATTR:host', '') or ''

    def _shows_host(self) -> bool:
        return bool(self._host()) and policies.allows(
            self.request, pci_pools.INDEX
        )

    def _list_events(self) -> list[dict[str, Any]]:
        """List the events of the action that the page was left for."""
        request_id = self.request.GET.get(REQUEST_ID)
        if not request_id:
            return []
        try:
            return pci.client(self.request).show_server_action(
                self._instance.id, request_id
            )
        except Exception:
            exceptions.handle(
                self.request, _('Unable to show the result of the action.')
            )
            return []
