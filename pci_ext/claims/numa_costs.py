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

"""NUMA policies of Nova as costs.

Nova narrows the pools down step by step until a policy allows no more. The
same rules as costs let one assignment decide on all requests of a server:
a device on a node of the guest costs nothing, a device on another node that
the policy allows costs more, and None marks a device that it does not allow.
"""

from collections.abc import Callable
from collections.abc import Sequence

from nova import objects
from nova.objects import fields

POLICY = fields.PCINUMAAffinityPolicy

#: The highest cost of a device by a NUMA policy.
MAX_COST = 2

NodeCost = Callable[[int | None], int | None]


def node_costs(
    request: 'objects.InstancePCIRequest',
    numa_cells: 'Sequence[objects.InstanceNUMACell] | None',
    host_topology: 'objects.NUMATopology | None',
) -> NodeCost:
    """Return a function from the NUMA node of a device to its cost.

    :param numa_cells: cells of the guest, with the ids of host nodes; without
        any, all nodes are alike
    :param host_topology: needed for the policy ``socket``
    """
    if not numa_cells:
        return lambda node: 0
    nodes = {cell.id for cell in numa_cells}
    policy = request.numa_policy or POLICY.LEGACY
    if policy == POLICY.SOCKET:
        return _cost_by_distance(
            nodes, _nodes_on_sockets(nodes, host_topology)
        )
    if policy == POLICY.LEGACY:
        return _cost_by_distance(nodes, {None})
    if policy == POLICY.PREFERRED:
        return _cost_by_distance(nodes, {None}, elsewhere=MAX_COST)
    return _cost_by_distance(nodes, set())


def _cost_by_distance(
    near: set[int], allowed: set[int | None], elsewhere: int | None = None
) -> NodeCost:
    def cost(node: int | None) -> int | None:
        if node in near:
            return 0
        return 1 if node in allowed else elsewhere

    return cost


def _nodes_on_sockets(
    nodes: set[int], host_topology: 'objects.NUMATopology | None'
) -> set[int | None]:
    cells = host_topology.cells if host_topology else []
    # As in Nova: a host with several sockets in a node reports none of them.
    if any(cell.socket is None for cell in cells):
        return set()
    sockets = {cell.socket for cell in cells if cell.id in nodes}
    return {cell.id for cell in cells if cell.socket in sockets}
