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

"""The PCI devices of servers, read where Nova keeps them."""

from collections.abc import Collection
from collections.abc import Sequence

from nova import context as nova_context
from nova import objects
from nova.compute import vm_states
from nova.db.main import api as db_api
from nova.db.main import models
from oslo_log import log as logging
import sqlalchemy as sa

LOG = logging.getLogger(__name__)

Device = dict[str, str]

#: Where a device is: left out for those who may not see it.
PLACE = ('address', 'dev_id')


def get_by_servers(
    context: nova_context.RequestContext, uuids: Sequence[str]
) -> dict[str, list[Device]]:
    """Get the PCI devices of servers, with one query a cell.

    :param uuids: the servers
    :returns: by server its devices in the order of their addresses; servers
        of a cell that does not answer are missing
    """
    mappings = objects.InstanceMappingList.get_by_instance_uuids(
        context, uuids
    )
    # A server that is not in a cell yet has no devices yet.
    cell_of = {
        mapping.instance_uuid: mapping.cell_mapping
        for mapping in mappings
        if mapping.cell_mapping is not None
    }
    cells = {cell.uuid: cell for cell in cell_of.values()}
    results = nova_context.scatter_gather_cells(
        context,
        cells.values(),
        nova_context.CELL_TIMEOUT,
        _get_in_cell,
        list(cell_of),
    )
    devices: dict[str, list[Device]] = {uuid: [] for uuid in uuids}
    for cell_uuid, result in results.items():
        if nova_context.is_cell_failure_sentinel(result):
            LOG.warning(
                'The PCI devices of servers in cell %s are not known: it does '
                'not answer.',
                cell_uuid,
            )
            for server_uuid, cell in cell_of.items():
                if cell.uuid == cell_uuid:
                    del devices[server_uuid]
        else:
            for server_uuid, device in result:
                devices[server_uuid].append(device)
    return devices


def may_hold_two_sets(vm_state: str | None, task_state: str | None) -> bool:
    """Tell whether a server may hold the devices of both sides of a resize.

    In a resize on the host where it is, only the requests that it has tell
    which are those it has now.
    """
    return vm_state == vm_states.RESIZED or (task_state or '').startswith(
        'resize_'
    )


@db_api.pick_context_manager_reader
def _get_in_cell(
    context: nova_context.RequestContext, uuids: Sequence[str]
) -> list[tuple[str, Device]]:
    # In a resize or migration a server holds devices on two hosts: those it
    # has are on the host where it is.
    rows = (
        context.session.query(
            models.PciDevice.instance_uuid,
            models.PciDevice.dev_id,
            models.PciDevice.address,
            models.PciDevice.vendor_id,
            models.PciDevice.product_id,
            models.PciDevice.request_id,
            models.Instance.vm_state,
            models.Instance.task_state,
        )
        .join(
            models.Instance,
            models.Instance.uuid == models.PciDevice.instance_uuid,
        )
        .join(
            models.ComputeNode,
            sa.and_(
                models.ComputeNode.id == models.PciDevice.compute_node_id,
                models.ComputeNode.host == models.Instance.host,
                models.ComputeNode.hypervisor_hostname == models.Instance.node,
            ),
        )
        .filter(
            models.PciDevice.instance_uuid.in_(uuids),
            models.PciDevice.deleted == 0,
            models.ComputeNode.deleted == 0,
        )
        .order_by(models.PciDevice.address)
    ).all()
    requests = _get_requests(
        context,
        {
            row.instance_uuid
            for row in rows
            if may_hold_two_sets(row.vm_state, row.task_state)
        },
    )
    return [
        (
            row.instance_uuid,
            {
                'dev_id': row.dev_id,
                'address': row.address,
                'vendor_id': row.vendor_id,
                'product_id': row.product_id,
            },
        )
        for row in rows
        if row.instance_uuid not in requests
        or row.request_id in requests[row.instance_uuid]
    ]


def _get_requests(
    context: nova_context.RequestContext, uuids: Collection[str]
) -> dict[str, set[str]]:
    """Get the ids of the PCI requests of servers."""
    if not uuids:
        return {}
    extra = models.InstanceExtra
    rows = context.session.query(
        extra.instance_uuid, extra.pci_requests
    ).filter(extra.instance_uuid.in_(uuids), extra.deleted == 0)
    return {
        row.instance_uuid: {
            request.request_id
            for request in objects.InstancePCIRequests.obj_from_db(
                context, row.instance_uuid, row.pci_requests
            ).requests
        }
        for row in rows
    }
