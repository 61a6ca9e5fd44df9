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

"""Assignment of requests to pools.

It is exact: an assignment is found if one exists, and its cost is the least.
On most hosts it takes the cheapest devices for each request in turn; on the
others it needs a cheapest flow; and only where that uses pools that exclude
each other, a search over the pools to leave out.
"""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses

from pci_ext.matching import exclusion
from pci_ext.matching import min_cost_flow


@dataclasses.dataclass(frozen=True)
class Request:
    """A request for devices, with their costs.

    :ivar count: number of devices
    :ivar costs: for each pool the cost of one of its devices, or None if
        they do not match
    """

    count: int
    costs: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Assignment:
    """The pools of the devices for all requests.

    :ivar cost: sum of the costs of all devices taken
    :ivar taken: (index of request, index of pool, number of devices), in
        ascending order, each number at least 1
    """

    cost: int
    taken: tuple[tuple[int, int, int], ...]


def assign(
    capacities: Sequence[int],
    requests: Sequence[Request],
    conflicts: Collection[tuple[int, int]] = (),
    budget: exclusion.Budget | None = None,
) -> Assignment | None:
    """Find the cheapest assignment. The same arguments give the same one.

    :param capacities: free devices of each pool
    :param requests: all requests of a server
    :param conflicts: pairs of pools that must not both be taken from
    :param budget: bounds the search over all hosts; None: over this one
    :returns: None if the requests cannot all be served
    :raises AssignmentGivenUp: if pools exclude each other in too many ways
    """

    def cheapest(
        capacities: Sequence[int],
    ) -> tuple[int, min_cost_flow.Flow] | None:
        taken = _take(capacities, requests)
        if taken is None:
            return None
        cost = 0
        for request, pool, devices in taken:
            # _take uses only pools that have a cost.
            cost += devices * (requests[request].costs[pool] or 0)
        return cost, taken

    if conflicts:
        kinds = list(
            zip(*(request.costs for request in requests), strict=True)
        )
        found = exclusion.search(
            capacities,
            kinds,
            conflicts,
            cheapest,
            budget or exclusion.Budget(),
        )
    else:
        found = cheapest(capacities)
    return None if found is None else Assignment(found[0], tuple(found[1]))


def _take(
    capacities: Sequence[int], requests: Sequence[Request]
) -> min_cost_flow.Flow | None:
    """Serve the requests in turn, each as if it were alone.

    The result is of least cost if no request costs more than it would alone.
    """
    free = list(capacities)
    taken = []
    for index, request in enumerate(requests):
        needed = needed_alone = request.count
        extra = 0
        for cost, pool in sorted(
            [
                (cost, pool)
                for pool, cost in enumerate(request.costs)
                if cost is not None and capacities[pool] > 0
            ]
        ):
            if needed <= 0:
                break
            devices = min(needed, free[pool])
            devices_alone = min(needed_alone, capacities[pool])
            extra += cost * (devices - devices_alone)
            needed_alone -= devices_alone
            if devices:
                needed -= devices
                free[pool] -= devices
                taken.append((index, pool, devices))
        if needed_alone > 0:
            return None
        if extra or needed > 0:
            return min_cost_flow.cheapest_flow(
                capacities,
                [request.count for request in requests],
                [request.costs for request in requests],
            )
    taken.sort()
    return taken
