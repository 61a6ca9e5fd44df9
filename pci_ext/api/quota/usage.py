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

"""The usage of a project: devices by PCI flavor, counted for its quota.

A device counts under the PCI flavors that `CountedFlavors` lists. A request
without devices counts under each PCI flavor of a device that it may be given.
PCI flavors go by their uuids: a new name does not free a project of its
devices.
"""

from collections import Counter
from collections.abc import Iterable
import functools
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.compute import vm_states
from nova.db.main import api as db_api
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import model
from pci_ext.api.inventory import reader
from pci_ext.api.inventory import server_queries
from pci_ext.api.quota import counted_flavors
from pci_ext.requests import instance_requests

LOG = logging.getLogger(__name__)

#: Devices by the uuid of the PCI flavor.
Usage = Counter[str]

Requests = Iterable['objects.InstancePCIRequest']


def is_from_flavor(request: 'objects.InstancePCIRequest') -> bool:
    """Tell whether a request comes from the flavor of its server.

    Others come from ports, or were attached.
    """
    return not (
        instance_requests.is_for_port(request)
        or server_state.is_of_attach(request)
    )


def upper_bound(
    context: nova_context.RequestContext,
    requests: Requests,
    counted: counted_flavors.CountedFlavors,
) -> Usage:
    """Count the devices that requests may be given at most, in any cell."""
    requests = list(requests)
    groups: list[model.DeviceGroup] = []
    if counted.needs_groups(requests):
        _, groups = reader.read_pools_and_groups(context)
    usage: Usage = Counter()
    for request in requests:
        for uuid in counted.of_request(request, groups):
            usage[uuid] += request.count
    return usage


def count_project(
    context: nova_context.RequestContext,
    project_id: str,
    counted: counted_flavors.CountedFlavors,
) -> Usage:
    """Count the devices of a project, and those in its requests.

    In a resize or migration the devices of a server count on both hosts,
    until it is confirmed or reverted. Servers in a cell that does not answer
    do not count, as in Nova's own quotas.
    """
    # Read first: a server moves from here into a cell, and never back.
    booting = {
        build_request.instance_uuid: build_request.instance
        for build_request in objects.BuildRequestList.get_all(
            # Limits the list to the project.
            nova_context.RequestContext(
                project_id=project_id, is_admin=False, overwrite=False
            )
        )
    }
    usage: Usage = Counter()
    results = nova_context.scatter_gather_skip_cell0(
        context, _in_cell, project_id, counted
    )
    for cell_uuid, result in results.items():
        if nova_context.is_cell_failure_sentinel(result):
            LOG.warning(
                'The PCI devices of project %(project)s in cell %(cell)s do '
                'not count for its quota: the cell does not answer.',
                {'project': project_id, 'cell': cell_uuid},
            )
            continue
        for server_uuid, devices in result.items():
            booting.pop(server_uuid, None)
            usage += devices
    return usage + upper_bound(
        context,
        [
            request
            for instance in booting.values()
            if instance.pci_requests
            for request in instance.pci_requests.requests
        ],
        counted,
    )


def count_boot_devices(
    instance: 'objects.Instance', counted: counted_flavors.CountedFlavors
) -> Usage:
    """Count the devices of a server that its flavor requested."""
    requests = instance_requests.by_id(
        filter(is_from_flavor, instance_requests.list_requests(instance))
    )
    devices = reader.devices_in_cell(
        instance._context,
        cell_queries.DeviceFilter(server_uuid=instance.uuid),
    )
    return _count_devices(
        [each for each in devices if each.row.request_id in requests],
        requests,
        counted,
    )


@db_api.pick_context_manager_reader
def _in_cell(
    context: nova_context.RequestContext,
    project_id: str,
    counted: counted_flavors.CountedFlavors,
) -> dict[str, Usage]:
    """Count for each server in the cell that the context is targeted at.

    Reservations are read first, then requests, then devices: the order in
    which they are written, so that none is missed.
    """
    reservations = server_queries.reservations(context, project_id)
    rows = server_queries.servers(context, project_id)
    devices_of: dict[str, list[model.Device]] = {}
    for device in reader.devices_in_cell(
        context, cell_queries.DeviceFilter(project_id=project_id)
    ):
        devices_of.setdefault(device.row.instance_uuid, []).append(device)

    @functools.cache
    def groups() -> list[model.DeviceGroup]:
        # The devices that a server in this cell may be given.
        return reader.pools_and_groups_in_cell(context, None)[1]

    def count_missing(
        devices: Iterable[model.Device], requests: Requests
    ) -> Usage:
        """Count the devices that requests have not been given yet."""
        given = Counter(device.row.request_id for device in devices)
        missing: Usage = Counter()
        for request in requests:
            rest = request.count - given[request.request_id]
            if rest > 0:
                needed = groups() if counted.needs_groups([request]) else ()
                for uuid in counted.of_request(request, needed):
                    missing[uuid] += rest
        return missing

    usage = {}
    for row in rows:
        current = objects.InstancePCIRequests.obj_from_db(
            context, row.uuid, row.pci_requests
        ).requests
        devices = devices_of.get(row.uuid, [])
        usage[row.uuid] = _count_devices(
            devices,
            instance_requests.by_id(
                [*_moving(row.migration_context), *current]
            ),
            counted,
        )
        if _is_being_given(row):
            usage[row.uuid] += count_missing(devices, current)
        if row.task_state == task_states.RESIZE_PREP:
            usage[row.uuid] += count_missing(
                devices, _moving_to(row.migration_context)
            )
        if not _is_recorded(row, current):
            usage[row.uuid] += server_state.reserved(
                reservations.get(row.uuid, {})
            )
    return usage


def _is_being_given(row: Any) -> bool:
    """Tell whether a server is being given all devices it requests."""
    return (
        row.vm_state == vm_states.BUILDING
        or row.task_state == server_state.ATTACHING_PCI
        or (
            row.vm_state == vm_states.SHELVED_OFFLOADED
            and row.task_state == task_states.UNSHELVING
        )
    )


def _is_recorded(row: Any, current: Requests) -> bool:
    """Tell whether the host has recorded the reservation of a server."""
    if row.task_state == server_state.ATTACHING_PCI:
        return any(map(server_state.is_attaching, current))
    return row.migration_context is not None


def _moving_to(migration_context: str | None) -> Requests:
    """List the requests of a server after its move."""
    if migration_context is None:
        return ()
    context = objects.MigrationContext.obj_from_db_obj(migration_context)
    requests = context.new_pci_requests
    return requests.requests if requests else ()


def _moving(migration_context: str | None) -> Requests:
    """List the requests of a server before and after its move."""
    if migration_context is None:
        return
    context = objects.MigrationContext.obj_from_db_obj(migration_context)
    for requests in (context.old_pci_requests, context.new_pci_requests):
        if requests is not None:
            yield from requests.requests


def _count_devices(
    devices: Iterable[model.Device],
    requests: 'dict[str, objects.InstancePCIRequest]',
    counted: counted_flavors.CountedFlavors,
) -> Usage:
    usage: Usage = Counter()
    for device in devices:
        request = requests.get(device.row.request_id)
        usage.update(counted.of_device(device, request))
    return usage
