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

"""Search over pools to leave out, where pools exclude each other.

For example a physical function and its virtual functions: a device of one
makes those of the other unusable. To find an assignment is as hard then as to
find an independent set, so this is a search: best first, and exact.
"""

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Hashable
from collections.abc import Sequence
import heapq

from pci_ext import exception
from pci_ext.matching import min_cost_flow

#: Choices that are tried on a host; each takes up to half a millisecond. Ten
#: cards that all differ have 2,047, and few requests need more than some
#: hundred.
MAX_CHOICES = 2048

#: Choices that are tried for a server on all its hosts, the first
#: `_UNCOUNTED` of each host not counted: they take less than a claim.
MAX_CHOICES_OF_SERVER = 16_384

_UNCOUNTED = 64

#: The cost of a flow, and the flow.
Solution = tuple[int, min_cost_flow.Flow]


class Budget:
    """The choices left for a server, on all hosts together."""

    def __init__(self) -> None:
        self._left = MAX_CHOICES_OF_SERVER

    def spend(self, tried: int) -> None:
        """Count a choice.

        :param tried: number of choices on the same host before
        :raises AssignmentGivenUp: if no choice is left
        """
        if tried < _UNCOUNTED:
            return
        if tried >= MAX_CHOICES or not self._left:
            raise exception.AssignmentGivenUp()
        self._left -= 1


def search(
    capacities: Sequence[int],
    kinds: Sequence[Hashable],
    conflicts: Collection[tuple[int, int]],
    cheapest: Callable[[Sequence[int]], Solution | None],
    budget: Budget,
) -> Solution | None:
    """Find the cheapest solution that takes from no two pools in conflict.

    :param capacities: devices in each pool
    :param kinds: equal for pools that are alike but for their devices
    :param conflicts: pairs of pools that must not both be taken from
    :param cheapest: solves the problem without conflicts
    :returns: None if there is none
    :raises AssignmentGivenUp: if none is found within the budget
    """
    first = cheapest(capacities)
    if first is None:
        return None
    neighbours: dict[int, set[int]] = defaultdict(set)
    for one, other in conflicts:
        neighbours[one].add(other)
        neighbours[other].add(one)
    clash = _worst_clash(first, neighbours)
    if clash is None:
        return first

    symmetry = _Symmetry(kinds, neighbours)
    seen: set[Hashable] = set()
    # Cheapest first; of these the latest, as most is decided there. Leaving
    # pools out never makes it cheaper, so the first without a clash is best.
    order = 0
    heap: list[tuple[int, int, tuple[int, ...], Solution, int | None]] = [
        (first[0], order, tuple(capacities), first, clash)
    ]
    while heap:
        _cost, _order, left, cheapest_left, clash = heapq.heappop(heap)
        if clash is None:
            return cheapest_left
        # Either nothing is taken from the pool or nothing from all that it
        # conflicts with.
        for excluded in ({clash}, neighbours[clash]):
            rest = tuple(
                0 if pool in excluded else devices
                for pool, devices in enumerate(left)
            )
            signature = symmetry.signature(rest)
            if signature in seen:
                continue
            budget.spend(len(seen))
            seen.add(signature)
            found = cheapest(rest)
            if found is not None:
                order -= 1
                worst = _worst_clash(found, neighbours)
                heapq.heappush(heap, (found[0], order, rest, found, worst))
    return None


def _worst_clash(
    found: Solution, neighbours: dict[int, set[int]]
) -> int | None:
    """Return the pool that conflicts with most other used pools, if any."""
    used = {pool for _request, pool, _devices in found[1]}
    most, worst = 0, None
    for pool in sorted(used):
        if pool in neighbours:
            clashes = len(used & neighbours[pool])
            if clashes > most:
                most, worst = clashes, pool
    return worst


class _Symmetry:
    """Recognizes choices that are equivalent.

    A host with many cards of one model has many choices that differ only in
    the card: one of them stands for all.
    """

    def __init__(
        self, kinds: Sequence[Hashable], neighbours: dict[int, set[int]]
    ) -> None:
        shapes: dict[Hashable, int] = {}
        self._groups = []
        for group in _connected(neighbours):
            shape = (
                tuple(kinds[pool] for pool in group),
                tuple(
                    tuple(
                        place
                        for place, other in enumerate(group)
                        if other in neighbours[pool]
                    )
                    for pool in group
                ),
            )
            self._groups.append((shapes.setdefault(shape, len(shapes)), group))

    def signature(self, capacities: Sequence[int]) -> Hashable:
        """Return a value that is equal for equivalent choices.

        Pools outside all groups are not in it: none of them is left out.
        """
        return tuple(
            sorted(
                (shape, tuple([capacities[pool] for pool in group]))
                for shape, group in self._groups
            )
        )


def _connected(neighbours: dict[int, set[int]]) -> list[list[int]]:
    """Group the pools that conflict, directly or through others."""
    groups = []
    left = set(neighbours)
    for start in sorted(neighbours):
        if start not in left:
            continue
        group = {start}
        border = [start]
        while border:
            new = neighbours[border.pop()] - group
            group |= new
            border.extend(new)
        left -= group
        groups.append(sorted(group))
    return groups
