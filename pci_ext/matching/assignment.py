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

"""Assignment: which pools the devices for all demands are taken from.

Exact, that is an assignment is found if one exists, and of least cost. Most
hosts are settled by taking the cheapest devices for each demand in turn; the
others by a cheapest flow; and only where that uses pools that exclude each
other, by a search over the pools to leave out.
"""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses

from pci_ext.matching import exclusion
from pci_ext.matching import min_cost_flow


@dataclasses.dataclass(frozen=True)
class Request:
    """Devices wanted, one as good as the other.

    :ivar count: number of devices
    :ivar costs: for each pool the price of one of its devices, or None if
        they will not do
    """

    count: int
    costs: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Assignment:
    """Where the devices for demands come from.

    :ivar cost: sum of the prices of all devices taken
    :ivar taken: (index of demand, index of pool, number of devices), in
        ascending order, each number at least 1
    """

    cost: int
    taken: tuple[tuple[int, int, int], ...]


def assign(
    capacities: Sequence[int],
    demands: Sequence[Request],
    conflicts: Collection[tuple[int, int]] = (),
) -> Assignment | None:
    """Find the cheapest assignment. The same arguments give the same one.

    :param capacities: free devices of each pool
    :param demands: what is wanted
    :param conflicts: pairs of pools that must not both be taken from
    :returns: None if the demands cannot all be met
    """

    def cheapest(
        capacities: Sequence[int],
    ) -> tuple[int, min_cost_flow.Flow] | None:
        taken = _take(capacities, demands)
        if taken is None:
            return None
        cost = 0
        for demand, pool, devices in taken:
            # _take uses only pools that have a price.
            cost += devices * (demands[demand].costs[pool] or 0)
        return cost, taken

    if conflicts:
        kinds = list(zip(*(demand.costs for demand in demands), strict=True))
        found = exclusion.search(capacities, kinds, conflicts, cheapest)
    else:
        found = cheapest(capacities)
    return None if found is None else Assignment(found[0], tuple(found[1]))


def _take(
    capacities: Sequence[int], demands: Sequence[Request]
) -> min_cost_flow.Flow | None:
    """Serve the demands in turn, each as if it were alone.

    The result is of least cost if no demand pays more than it would alone.
    """
    free = list(capacities)
    taken = []
    for index, demand in enumerate(demands):
        needed = needed_alone = demand.count
        extra = 0
        for cost, pool in sorted(
            [
                (cost, pool)
                for pool, cost in enumerate(demand.costs)
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
                [demand.count for demand in demands],
                [demand.costs for demand in demands],
            )
    taken.sort()
    return taken
