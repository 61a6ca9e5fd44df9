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

"""The resource OS::Nova::PciAttachment."""

import dataclasses
import json
from typing import Any

from heat.common.i18n import _
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import resource
from openstack.compute.v2 import server_action

from pci_ext_heat import clients

#: The key of the devices in the data of the resource.
_DEVICES = 'devices'


@dataclasses.dataclass
class _Progress:
    """An attach or detach that may have to wait for its turn.

    :ivar action: the action of the server, None before it has begun
    """

    action: server_action.ServerAction | None = None


class PciAttachment(resource.Resource):
    """Devices that are attached to a server while it runs.

    All devices of the request are attached, or none. A server has one action
    at a time: several attachments of a server wait for each other.
    """

    default_client_name = clients.CLIENT_NAME

    PROPERTIES = (SERVER, REQUEST) = ('server', 'request')

    ATTRIBUTES = (DEVICES_ATTR,) = ('devices',)

    properties_schema = {
        SERVER: properties.Schema(
            properties.Schema.STRING,
            _('The id of the server.'),
            required=True,
            constraints=[constraints.CustomConstraint('nova.server')],
        ),
        REQUEST: properties.Schema(
            properties.Schema.STRING,
            _(
                'Requests by PCI flavor, as in the extra spec '
                'pci_passthrough:pci_flavor.'
            ),
            required=True,
            constraints=[constraints.Length(min=1, max=4096)],
        ),
    }

    attributes_schema = {
        DEVICES_ATTR: attributes.Schema(
            _(
                'The devices, each with dev_id, address, vendor_id, '
                'product_id, pci_flavor and state.'
            ),
            type=attributes.Schema.LIST,
        ),
    }

    def handle_create(self) -> _Progress:
        return _Progress()

    def check_create_complete(self, progress: _Progress) -> bool:
        pci = self.client().pci
        if progress.action is not None:
            return bool(pci.is_action_complete(progress.action))
        if not self._has_turn():
            return False
        server = self.properties[self.SERVER]
        before = self._ids_of_server()
        try:
            progress.action = pci.attach_devices(
                server, self.properties[self.REQUEST]
            )
        except Exception as error:
            self._unless_it_lost_its_turn(error)
            return False
        self.resource_id_set(progress.action.id)
        # The server has the devices from now on, and no other action can add
        # any before this one has ended.
        own = self._ids_of_server() - before
        self.data_set(_DEVICES, json.dumps(sorted(own)))
        return False

    def handle_delete(self) -> _Progress | None:
        return None if self.resource_id is None else _Progress()

    def check_delete_complete(self, progress: _Progress | None) -> bool:
        if progress is None:
            return True
        pci = self.client().pci
        try:
            if progress.action is not None:
                return bool(pci.is_action_complete(progress.action))
            if not self._has_turn():
                return False
            own = self._own_ids() & self._ids_of_server()
            if not own:
                return True
            progress.action = pci.detach_devices(
                self.properties[self.SERVER], sorted(own)
            )
        except Exception as error:
            if self.client_plugin().is_not_found(error):
                # The server is deleted, or has lost the devices.
                return True
            self._unless_it_lost_its_turn(error)
        return False

    def _has_turn(self) -> bool:
        """Tell whether no other action has the server."""
        server = self.client().compute.get_server(self.properties[self.SERVER])
        return server.task_state is None

    def _unless_it_lost_its_turn(self, error: Exception) -> None:
        """Raise an error again, unless another action has the server now."""
        if not self.client_plugin().is_conflict(error) or self._has_turn():
            raise error

    def _ids_of_server(self) -> set[str]:
        devices = self.client().pci.server_devices(
            self.properties[self.SERVER]
        )
        return {device.dev_id for device in devices}

    def _own_ids(self) -> set[str]:
        return set(json.loads(self.data().get(_DEVICES, '[]')))

    def _resolve_attribute(self, name: str) -> Any:
        if self.resource_id is None:
            return None
        own = self._own_ids()
        return [
            {
                key: device[key]
                for key in (
                    'dev_id',
                    'address',
                    'vendor_id',
                    'product_id',
                    'pci_flavor',
                    'state',
                )
            }
            for device in self.client().pci.server_devices(
                self.properties[self.SERVER]
            )
            if device.dev_id in own
        ]


def resource_mapping() -> dict[str, type[resource.Resource]]:
    return {'OS::Nova::PciAttachment': PciAttachment}
