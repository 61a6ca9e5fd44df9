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

import dataclasses

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.api.openstack import common
from nova.compute import api as compute_api
from nova.compute import task_states
import webob.exc

from pci_ext import server_state
from pci_ext.api.inventory import alternatives
from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import device_query
from pci_ext.api.inventory import reader
from pci_ext.compute import instance_devices
from pci_ext.matching import compiled_requests
from pci_ext.requests import live_migration_policy


class State:
    """Whether a guest has a device that is its server's own.

    DETACHED: for the time of a live migration. RETRYING: it could not be
    attached after one, and will be tried again; FAILED: it will not, unless
    somebody asks for it.
    """

    ATTACHED = 'attached'
    ATTACHING = 'attaching'
    DETACHING = 'detaching'
    DETACHED = 'detached'
    RETRYING = server_state.RETRYING
    FAILED = server_state.FAILED

    ALL = (ATTACHED, ATTACHING, DETACHING, DETACHED, RETRYING, FAILED)


@dataclasses.dataclass(frozen=True)
class Held:
    """A device of a server.

    :ivar instance: the server
    :ivar device: where the server is
    :ivar request: None if none is on record
    """

    instance: 'objects.Instance'
    device: reader.Device
    request: 'objects.InstancePCIRequest | None'

    @property
    def alternatives(self) -> list[str]:
        """Names of the PCI flavors that were asked for."""
        return alternatives.names_of(self.request)

    @property
    def pci_flavor(self) -> str | None:
        """Name of the alternative that the device is.

        None if it was not asked for by PCI flavor, or its host has come to
        group its devices by other attributes.
        """
        return alternatives.chosen(self.device, self.request)

    @property
    def live_migration(self) -> str | None:
        """What a live migration does with it; None if that is up to Nova.

        As it is for ports, by whatever their devices were asked for.
        """
        if (
            self.request is None
            or self.request.source == objects.InstancePCIRequest.NEUTRON_PORT
            or not compiled_requests.is_requirement(self.request.spec)
        ):
            return None
        return live_migration_policy.policy_of_device(
            self.request, self.device.pool
        )

    @property
    def _problem(self) -> server_state.ReattachError | None:
        return server_state.reattach_errors(self.instance).get(
            self.device.row.address
        )

    @property
    def state(self) -> str:
        """Whether the guest has it, and what is being done about that."""
        address = self.device.row.address
        if address in server_state.pending_detach(self.instance):
            return State.DETACHING
        if self.request in instance_devices.incomplete_requests(self.instance):
            return State.ATTACHING
        if self._problem is not None:
            return self._problem.state
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
        """Why it is not in the guest; None if it is."""
        return None if self._problem is None else self._problem.text


def find_server(
    api: compute_api.API,
    context: nova_context.RequestContext,
    server_id: str,
) -> 'objects.Instance':
    """Find a server, with all that tells of its devices.

    :raises webob.exc.HTTPNotFound: if there is none
    :raises webob.exc.HTTPServiceUnavailable: if its cell does not answer
    """
    try:
        return common.get_instance(
            api,
            context,
            server_id,
            expected_attrs=['pci_requests', 'system_metadata', 'info_cache'],
        )
    except nova_exception.NovaException as error:
        raise webob.exc.HTTPServiceUnavailable(
            explanation=error.format_message()
        ) from error


def held_by(instance: 'objects.Instance') -> list[Held]:
    """Read the devices of a server, on the host where it is.

    :returns: in the order of their addresses
    """
    # Without a host it may not be in a cell yet, and has no devices.
    if not instance.host:
        return []
    found = reader.devices_in_cell(
        instance._context, cell_queries.Wanted(server_uuid=instance.uuid)
    )
    requests = {
        request.request_id: request
        for request in (
            instance.pci_requests.requests if instance.pci_requests else ()
        )
    }
    if device_query.may_hold_two_sets(instance.vm_state, instance.task_state):
        found = [each for each in found if each.row.request_id in requests]
    return [
        Held(instance, device, requests.get(device.row.request_id))
        for device in sorted(found, key=lambda each: each.row.address)
    ]
