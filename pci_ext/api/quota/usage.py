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

"""How many devices of each PCI flavor a project is charged for.

A device that a server has is charged as the PCI flavor that it was had for. A
request that is still being decided is charged as each of its alternatives, as
it may take any. PCI flavors go by the names they were asked for by.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.compute import vm_states
from nova.db.main import api as db_api
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import reader
from pci_ext.api.inventory import server_queries

LOG = logging.getLogger(__name__)

#: Devices by the name of the PCI flavor.
Charges = Counter[str]

Requests = Iterable['objects.InstancePCIRequest']


def is_of_flavor(request: 'objects.InstancePCIRequest') -> bool:
    """Tell whether a request comes from the flavor of its server.

    Others come from ports, or were attached.
    """
    return not (
        request.source == objects.InstancePCIRequest.NEUTRON_PORT
        or server_state.is_of_attach(request)
    )


def at_most(requests: Requests) -> Charges:
    """Charge for what requests may take at most."""
    charges: Charges = Counter()
    for request in requests:
        for name in flavor_matches.alternatives_of(request):
            charges[name] += request.count
    return charges


def of_project(
    context: nova_context.RequestContext, project_id: str
) -> Charges:
    """Charge for all that a project has, and has asked for.

    In a resize or migration a server is charged for its devices on both
    hosts, until it is confirmed or reverted. What is in a cell that does not
    answer is not charged, as Nova does with its own quotas.
    """
    # First: from here a server goes into a cell, and never back.
    asked = {
        build_request.instance_uuid: build_request.instance
        for build_request in objects.BuildRequestList.get_all(
            # To have only those of the project read.
            nova_context.RequestContext(
                project_id=project_id, is_admin=False, overwrite=False
            )
        )
    }
    charges: Charges = Counter()
    results = nova_context.scatter_gather_skip_cell0(
        context, _in_cell, project_id
    )
    for cell_uuid, result in results.items():
        if nova_context.is_cell_failure_sentinel(result):
            LOG.warning(
                'The PCI devices of project %(project)s in cell %(cell)s are '
                'not charged: it does not answer.',
                {'project': project_id, 'cell': cell_uuid},
            )
            continue
        for server_uuid, charged in result.items():
            asked.pop(server_uuid, None)
            charges += charged
    for instance in asked.values():
        if instance.pci_requests:
            charges += at_most(instance.pci_requests.requests)
    return charges


def of_flavor(instance: 'objects.Instance') -> Charges:
    """Charge for what a server has since it was booted, by its flavor."""
    requests = {
        request.request_id: request
        for request in (
            instance.pci_requests.requests if instance.pci_requests else ()
        )
        if is_of_flavor(request)
    }
    return _charge_devices(
        reader.devices_in_cell(
            instance._context,
            cell_queries.DeviceFilter(server_uuid=instance.uuid),
        ),
        requests,
    )


@db_api.pick_context_manager_reader
def _in_cell(
    context: nova_context.RequestContext, project_id: str
) -> dict[str, Charges]:
    """Charge for each server in the cell that the context is targeted at.

    Read in the order in which it is written, last things last: what is asked
    for, then for what devices are claimed, then the devices.
    """
    asking = server_queries.reservations(context, project_id)
    rows = server_queries.servers(context, project_id)
    held: dict[str, list[reader.Device]] = {}
    for device in reader.devices_in_cell(
        context, cell_queries.DeviceFilter(project_id=project_id)
    ):
        held.setdefault(device.row.instance_uuid, []).append(device)
    charges = {}
    for row in rows:
        current = objects.InstancePCIRequests.obj_from_db(
            context, row.uuid, row.pci_requests
        ).requests
        devices = held.get(row.uuid, [])
        charges[row.uuid] = _charge_devices(
            devices,
            {
                request.request_id: request
                for request in [*_moving(row.migration_context), *current]
            },
        )
        if _takes(row):
            charges[row.uuid] += _charge_rest(devices, current)
        if row.task_state == task_states.RESIZE_PREP:
            charges[row.uuid] += _charge_rest(
                devices, _moving_to(row.migration_context)
            )
        if not _is_recorded(row, current):
            charges[row.uuid] += server_state.reserved(
                asking.get(row.uuid, {})
            )
    return charges


def _takes(row: Any) -> bool:
    """Tell whether a server is to get all that its requests ask for."""
    return (
        row.vm_state == vm_states.BUILDING
        or row.task_state == server_state.ATTACHING_PCI
        or (
            row.vm_state == vm_states.SHELVED_OFFLOADED
            and row.task_state == task_states.UNSHELVING
        )
    )


def _is_recorded(row: Any, current: Requests) -> bool:
    """Tell whether the host has recorded what a server asks for."""
    if row.task_state == server_state.ATTACHING_PCI:
        return any(map(server_state.is_attaching, current))
    return row.migration_context is not None


def _moving_to(migration_context: str | None) -> Requests:
    """Give the requests that a server has after it is moved."""
    if migration_context is None:
        return ()
    context = objects.MigrationContext.obj_from_db_obj(migration_context)
    requests = context.new_pci_requests
    return requests.requests if requests else ()


def _moving(migration_context: str | None) -> Requests:
    """Give the requests that a server has before and after it is moved."""
    if migration_context is None:
        return
    context = objects.MigrationContext.obj_from_db_obj(migration_context)
    for requests in (context.old_pci_requests, context.new_pci_requests):
        if requests is not None:
            yield from requests.requests


def _charge_devices(
    devices: Iterable[reader.Device],
    requests: 'dict[str, objects.InstancePCIRequest]',
) -> Charges:
    charges: Charges = Counter()
    for device in devices:
        request = requests.get(device.row.request_id)
        name = flavor_matches.alternative_taken(device, request)
        # What cannot be told any more is charged as when it was asked for.
        charges.update(
            [name] if name else flavor_matches.alternatives_of(request)
        )
    return charges


def _charge_rest(
    devices: Iterable[reader.Device], requests: Requests
) -> Charges:
    """Charge for what requests have not got yet."""
    got = Counter(device.row.request_id for device in devices)
    charges: Charges = Counter()
    for request in requests:
        rest = max(0, request.count - got[request.request_id])
        for name in flavor_matches.alternatives_of(request):
            charges[name] += rest
    return charges
