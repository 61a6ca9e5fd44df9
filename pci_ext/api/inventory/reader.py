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

"""The pools and devices of all hosts, read from the databases of cells.

All cells are read at the same time, each with one query a table, for any
number of hosts and devices. The pool of a device is inferred once for equal
devices of a host.
"""

from collections import defaultdict
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import functools
from typing import Any

from nova import context as nova_context
from nova.db.main import api as db_api

from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import first_devices
from pci_ext.api.inventory import model
from pci_ext.api.inventory import pool_lookup
from pci_ext.claims import reported_pools
from pci_ext.matching import grouping

# Nova records these of each network device: the capabilities of a virtual
# function have its number.
_OF_ONE_DEVICE = ('capabilities', 'mac_address')


def read_pools_and_groups(
    context: nova_context.RequestContext, host: str | None = None
) -> tuple[model.Pools, list[model.DeviceGroup]]:
    """Read the pools of all hosts, or of one, and count their devices."""
    results = nova_context.scatter_gather_skip_cell0(
        context, pools_and_groups_in_cell, host
    )
    answers, cells_down = _sort_out(results)
    return (
        model.Pools(
            [node for nodes, _ in answers for node in nodes.values()],
            cells_down,
        ),
        [group for _, groups in answers for group in groups],
    )


def read_devices(
    context: nova_context.RequestContext,
    device_filter: cell_queries.DeviceFilter,
    cut: first_devices.Cut | None = None,
) -> model.Devices:
    """Read devices of all cells.

    :param cut: limits the devices of each cell
    """
    results = nova_context.scatter_gather_skip_cell0(
        context, devices_in_cell, device_filter, cut
    )
    answers, cells_down = _sort_out(results)
    return model.Devices(
        [device for devices in answers for device in devices], cells_down
    )


def _sort_out(
    results: Mapping[str, Any],
) -> tuple[list[Any], tuple[str, ...]]:
    answers = []
    down = []
    for cell_uuid, result in results.items():
        if nova_context.is_cell_failure_sentinel(result):
            down.append(cell_uuid)
        else:
            answers.append(result)
    return answers, tuple(sorted(down))


@db_api.pick_context_manager_reader
def pools_and_groups_in_cell(
    context: nova_context.RequestContext, host: str | None
) -> tuple[model.Nodes, list[model.DeviceGroup]]:
    """Read the cell that the context is targeted at."""
    device_filter = cell_queries.DeviceFilter(host=host)
    nodes = _nodes(context, device_filter)
    ignored = _ignored(nodes)
    rows = cell_queries.device_groups(
        context, device_filter, _by_card(nodes), ignored
    )
    free = [row for row in rows if row.status == cell_queries.FREE]
    return nodes, [
        model.DeviceGroup(host, pool, row.status, row.number)
        for host, row, _, pool in _find_pools(
            nodes, rows, free, ignored, _special_attributes(context)
        )
    ]


@db_api.pick_context_manager_reader
def devices_in_cell(
    context: nova_context.RequestContext,
    device_filter: cell_queries.DeviceFilter,
    cut: first_devices.Cut | None = None,
) -> list[model.Device]:
    """Read devices of the cell that the context is targeted at."""
    if cut is not None:
        device_filter = first_devices.narrow(context, device_filter, cut)
    nodes = _nodes(context, device_filter)
    rows = cell_queries.devices(context, device_filter)
    ignored = _ignored(nodes)
    free = cell_queries.device_groups(
        context, device_filter, _by_card(nodes), ignored, cell_queries.FREE
    )
    return [
        model.Device(row, host, properties, pool)
        for host, row, properties, pool in _find_pools(
            nodes, rows, free, ignored, _special_attributes(context)
        )
        if row in device_filter
    ]


def _special_attributes(context: nova_context.RequestContext) -> set[str]:
    """Read the special attributes by which hosts in a cell group devices."""
    return {
        key
        for pci_stats in cell_queries.special_pools(context)
        for pool in reported_pools.parse_pools(pci_stats)
        for key in str(pool.get(grouping.SPECIAL_ATTRS) or '').split(',')
        if key
    }


def _ignored(nodes: model.Nodes) -> tuple[str, ...]:
    """List the properties of single devices that no host groups by."""
    reported = {
        key
        for _, pools in nodes.values()
        for pool in pools
        for key in pool.reported
    }
    return tuple(key for key in _OF_ONE_DEVICE if key not in reported)


def _by_card(nodes: model.Nodes) -> bool:
    """Tell whether a host groups devices by their cards."""
    return any(
        grouping.ADDRESS in pool.reported
        for _, pools in nodes.values()
        for pool in pools
    )


def _by_node(rows: Iterable[Any]) -> dict[int, list[Any]]:
    of_node: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        of_node[row.compute_node_id].append(row)
    return of_node


def _find_pools(
    nodes: model.Nodes,
    rows: Iterable[Any],
    free: Iterable[Any],
    ignored: Collection[str],
    special: Collection[str],
) -> Iterator[tuple[str, Any, dict[str, str], dict[str, str]]]:
    """Find the pools of devices.

    Pools are inferred from the free devices of a host.

    :param rows: of the devices
    :param free: rows of all free devices of their hosts, or groups of them
    :param ignored: properties that the rows of free devices may lack
    :param special: special attributes of the hosts in the cell
    :returns: for each the name of its host, its row, its properties, and those
        of its pool
    """
    free_of = _by_node(free)
    finder = pool_lookup.PoolFinder(special, ignored)
    for node_id, of_one in _by_node(rows).items():
        if node_id in nodes:
            host, pools = nodes[node_id]
            for found in finder.find_pools(
                [pool.reported for pool in pools], of_one, free_of[node_id]
            ):
                yield host, *found


def _nodes(
    context: nova_context.RequestContext,
    device_filter: cell_queries.DeviceFilter,
) -> model.Nodes:
    """Read the host and the pools of each compute node."""
    # Hosts of one kind report the same text.
    parse = functools.cache(reported_pools.parse_pools)
    return {
        row.id: (
            row.host,
            [
                model.Pool(row.uuid, row.host, pool)
                for pool in parse(row.pci_stats)
            ]
            if row.pci_stats
            else [],
        )
        for row in cell_queries.nodes(context, device_filter)
    }
