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

"""The devices of a server, each with the request that it serves."""

from collections.abc import Sequence
import dataclasses

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.api.openstack import common
from nova.compute import api as compute_api
from nova.compute import task_states
import webob.exc

from pci_ext import server_state
from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import model
from pci_ext.api.inventory import reader
from pci_ext.api.inventory import server_queries
from pci_ext.compute import instance_devices
from pci_ext.matching import compiled_requests
from pci_ext.requests import instance_requests
from pci_ext.requests import live_migration_policy

#: Keys that tell the location of a device on its host.
LOCATION = ('address', 'dev_id')


class State:
    """States of a device of a server, as its guest sees it.

    DETACHED: for the time of a live migration. RETRYING: the attach after a
    live migration failed, and there will be another attempt; FAILED: there
    will be none, unless a user asks for it.
    """

    ATTACHED = 'attached'
    ATTACHING = 'attaching'
    DETACHING = 'detaching'
    DETACHED = 'detached'
    RETRYING = server_state.RETRYING
    FAILED = server_state.FAILED

    ALL = (ATTACHED, ATTACHING, DETACHING, DETACHED, RETRYING, FAILED)


@dataclasses.dataclass(frozen=True)
class ServerDevice:
    """A device of a server.

    :ivar instance: the server
    :ivar device: on the host of the server
    :ivar request: None if none is on record
    :ivar detach_error: error of its pending detach, if any
    """

    instance: 'objects.Instance'
    device: model.Device
    request: 'objects.InstancePCIRequest | None'
    detach_error: str | None

    @property
    def alternatives(self) -> list[str]:
        """Names of the PCI flavors in the request."""
        return flavor_matches.alternatives_of(self.request)

    @property
    def pci_flavor(self) -> str | None:
        """Name of the alternative that the device is.

        None if the request is not by PCI flavor, or the host groups its
        devices by other attributes now.
        """
        return flavor_matches.alternative_taken(self.device, self.request)

    @property
    def live_migration(self) -> str | None:
        """Policy of the device for live migrations; None if Nova decides.

        Nova decides for the devices of all ports.
        """
        if (
            self.request is None
            or instance_requests.is_for_port(self.request)
            or not compiled_requests.is_by_pci_flavor(self.request.spec)
        ):
            return None
        return live_migration_policy.policy_of_device(
            self.request, self.device.pool
        )

    @property
    def _reattach_error(self) -> server_state.ReattachError | None:
        return server_state.reattach_errors(self.instance).get(
            self.device.row.address
        )

    @property
    def state(self) -> str:
        """One of `State`."""
        if server_state.pending_detach(self.instance, [self.device.row]):
            return State.DETACHING
        if self.request in instance_devices.incomplete_requests(self.instance):
            return State.ATTACHING
        if self._reattach_error is not None:
            return self._reattach_error.state
        if (
            self.request is not None
            and self.request.request_id
            in server_state.pending_reattach(self.instance)
            and self.instance.task_state == task_states.MIGRATING
        ):
            return State.DETACHED
        return State.ATTACHED

    @property
    def last_error(self) -> str | None:
        """Error of the last attach or detach; None if it succeeded."""
        if self._reattach_error is not None:
            return self._reattach_error.text
        return self.detach_error


def find_server(
    api: compute_api.API,
    context: nova_context.RequestContext,
    server_id: str,
    fields: Sequence[str] = ('pci_requests', 'system_metadata', 'info_cache'),
) -> 'objects.Instance':
    """Find a server.

    :param fields: that are loaded; by default those that its devices are read
        from
    :raises webob.exc.HTTPNotFound: if there is none
    :raises webob.exc.HTTPServiceUnavailable: if its cell does not answer
    """
    try:
        return common.get_instance(
            api, context, server_id, expected_attrs=list(fields)
        )
    except nova_exception.NovaException as error:
        raise webob.exc.HTTPServiceUnavailable(
            explanation=error.format_message()
        ) from error


def list_server_devices(instance: 'objects.Instance') -> list[ServerDevice]:
    """Read the devices of a server, on the host where it is.

    :returns: in the order of their addresses
    """
    # A server without a host may not be in a cell yet, and has no devices.
    if not instance.host:
        return []
    devices = reader.devices_in_cell(
        instance._context, cell_queries.DeviceFilter(server_uuid=instance.uuid)
    )
    requests = instance_requests.by_id(
        instance_requests.list_requests(instance)
    )
    if server_queries.is_in_resize(instance.vm_state, instance.task_state):
        devices = [each for each in devices if each.row.request_id in requests]
    errors = _detach_errors(instance, [each.row for each in devices])
    return [
        ServerDevice(
            instance,
            device,
            requests.get(device.row.request_id),
            errors.get(device.row.address),
        )
        for device in sorted(devices, key=lambda each: each.row.address)
    ]


def _detach_errors(
    instance: 'objects.Instance', rows: 'list[objects.PciDevice]'
) -> dict[str, str]:
    """Return by address the errors of the pending detaches of a server.

    A device with a pending detach is recorded with the operation, whose
    error is in the event of its action.
    """
    operations = server_state.pending_detach(instance, rows)
    errors = {
        operation_id: _error_of_operation(instance, operation_id)
        for operation_id in set(operations.values())
    }
    return {
        address: error
        for address, operation_id in operations.items()
        if (error := errors[operation_id])
    }


def _error_of_operation(
    instance: 'objects.Instance', operation_id: str
) -> str | None:
    context = instance._context
    try:
        action = objects.InstanceAction.get_by_request_id(
            context, instance.uuid, operation_id
        )
    except nova_exception.InstanceActionNotFound:
        return None
    # None where the records of actions were purged.
    if action is None:
        return None
    events = objects.InstanceActionEventList.get_by_action(context, action.id)
    # The newest comes first.
    return next((event.details for event in events if event.details), None)
