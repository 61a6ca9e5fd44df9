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

"""The devices of many servers, in short: for the resource servers of Nova."""

from collections.abc import Sequence

from nova import context as nova_context
from nova import objects
from nova.db.main import api as db_api
from oslo_log import log as logging

from pci_ext.api.inventory import server_queries

LOG = logging.getLogger(__name__)

Device = dict[str, str]

_KEYS = ('dev_id', 'address', 'vendor_id', 'product_id')


def read_devices(
    context: nova_context.RequestContext, uuids: Sequence[str]
) -> dict[str, list[Device]]:
    """Read the PCI devices of servers, with one query a cell.

    :param uuids: of the servers
    :returns: by server the devices in the order of their addresses; servers
        of a cell that does not answer are missing
    """
    mappings = objects.InstanceMappingList.get_by_instance_uuids(
        context, uuids
    )
    # A server that is not in a cell yet has no devices.
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
        _devices_in_cell,
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


@db_api.pick_context_manager_reader
def _devices_in_cell(
    context: nova_context.RequestContext, uuids: Sequence[str]
) -> list[tuple[str, Device]]:
    return [
        (row.instance_uuid, {key: getattr(row, key) for key in _KEYS})
        for row in server_queries.devices(context, uuids)
    ]
