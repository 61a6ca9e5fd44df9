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

"""The requests of a server with their selectors, compiled.

Requests are compiled once for a server and then matched with many hosts, so
work is done once per kind of pool, per kind of host and per record: pools that
the requests cannot tell apart are one, and so are hosts that have the same.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
from typing import Any

from pci_ext.matching import assignment
from pci_ext.matching import costs
from pci_ext.matching import exclusion
from pci_ext.matching import grouping
from pci_ext.matching import selectors

#: Keys of a request's spec with its origin. A Nova without pci_ext takes them
#: for attributes, which no device has.
PCI_FLAVOR = 'pci_flavor'
PCI_NAME = 'pci_name'
MARKERS = frozenset((PCI_FLAVOR, PCI_NAME))

#: Key of a request's spec with the uuid of the PCI flavor, which is the same
#: after a change of its name.
PCI_FLAVOR_UUID = 'pci_flavor_uuid'

#: Keys of a request's spec with its live migration policy: that of the PCI
#: flavor, and the form that Nova knows.
LIVE_MIGRATION = 'live_migration'
LIVE_MIGRATABLE = 'live_migratable'

#: Keys of a request's spec that are not of the selector.
NOT_SELECTING = MARKERS | {
    PCI_FLAVOR_UUID,
    LIVE_MIGRATION,
    LIVE_MIGRATABLE,
}

# Kinds remembered. More than a cloud has of hardware generations; bounded, so
# that the memory used does not grow with the hosts.
_HOST_KINDS = 128

# Records of hosts whose fit is remembered: as many as Placement hands to the
# scheduler, unless it is told otherwise.
_RECORDS = 1024


@dataclasses.dataclass(frozen=True)
class CompiledRequest:
    """A request with the selectors of its alternatives, in their order."""

    count: int
    selectors: costs.Alternatives


@dataclasses.dataclass(frozen=True)
class HostFit:
    """The fit of a host for the requests of a server.

    :param cost: steps down the alternatives, summed over the devices
    :param left: devices that match a request and would stay free
    """

    cost: int
    left: int


@dataclasses.dataclass(frozen=True)
class _CardKind:
    """The pools of a host that exclude each other, and all others.

    :ivar budget: of the request in which a host of the kind was seen first
    """

    pools: tuple[tuple[costs.Costs, int], ...]
    conflicts: tuple[tuple[int, int], ...]
    budget: exclusion.Budget | None = dataclasses.field(compare=False)


class CompiledRequests:
    """The requests of one server.

    Requests with the same alternatives are matched with pools as one.
    """

    def __init__(self, requests: Sequence[CompiledRequest]) -> None:
        self.requests = tuple(requests)
        counts: dict[costs.Alternatives, int] = {}
        for item in self.requests:
            counts[item.selectors] = counts.get(item.selectors, 0) + item.count
        alternatives = tuple(counts)
        self._counts = tuple(counts.values())
        places = {each: place for place, each in enumerate(alternatives)}
        #: For each request the place of its alternatives.
        self._places = tuple(places[item.selectors] for item in self.requests)
        #: Devices of all requests together.
        self.total = sum(self._counts)
        self._costs = costs.CostTable(alternatives)
        self._cost_of_kind = functools.lru_cache(_HOST_KINDS)(
            self._assign_kind
        )
        self._cost_of_card_kind = functools.lru_cache(_HOST_KINDS)(
            self._assign_card_kind
        )
        self._fit_of_record: dict[grouping.RecordedPools, HostFit | None] = {}

    def pool_costs(self, pool: Mapping[str, Any]) -> costs.Costs:
        """Return the cost of a device of a pool for every request.

        :returns: for each request the index of the alternative that the
            device would be, None if it does not match
        """
        [found] = self._costs.costs_of([pool])
        return tuple(found[place] for place in self._places)

    def request_costs(
        self, pools: Sequence[Mapping[str, Any]]
    ) -> list[costs.Costs]:
        """Return for each request the cost of a device of every pool."""
        if not pools:
            return [()] * len(self.requests)
        by_place = list(zip(*self._costs.costs_of(pools), strict=True))
        return [by_place[place] for place in self._places]

    def fit(
        self,
        pools: Sequence[Mapping[str, Any]],
        budget: exclusion.Budget | None = None,
    ) -> HostFit | None:
        """Match the requests with the pools of a host.

        :param pools: dicts of properties with a ``count`` of free devices
        :param budget: bounds the searches on all hosts of a request together
        :returns: None if the host cannot serve all requests
        :raises AssignmentGivenUp: if that is not known within the budget
        """
        if not isinstance(pools, grouping.RecordedPools):
            return self._fit(pools, budget)
        # A cache of functools would take the budget for a part of the key.
        fits = self._fit_of_record
        if pools not in fits:
            fit = self._fit(pools, budget)
            if len(fits) >= _RECORDS:
                fits.clear()
            fits[pools] = fit
            return fit
        return fits[pools]

    def _fit(
        self,
        pools: Sequence[Mapping[str, Any]],
        budget: exclusion.Budget | None,
    ) -> HostFit | None:
        free = self._costs.count_free(pools)
        total = self.total
        left = sum(free.values()) - total
        if left < 0:
            return None
        if self._costs.takes_cards and any(
            pool.get(grouping.DEV_TYPE) == grouping.PF for pool in pools
        ):
            cost = self._cost_of_card_kind(self._card_kind(pools, budget))
        else:
            # More devices than all requests together make no difference.
            cost = self._cost_of_kind(
                frozenset(
                    [
                        (found, count if count < total else total)
                        for found, count in free.items()
                    ]
                )
            )
        return None if cost is None else HostFit(cost, left)

    def count_matching(
        self, pools: Iterable[Mapping[str, Any]]
    ) -> tuple[int, ...]:
        """Count the free devices that match each request on its own."""
        counts = [0] * len(self.requests)
        for pool in pools:
            for index, cost in enumerate(self.pool_costs(pool)):
                if cost is not None:
                    counts[index] += pool['count']
        return tuple(counts)

    def _assign_kind(
        self, kind: frozenset[tuple[costs.Matches, int]]
    ) -> int | None:
        kinds = tuple(kind)
        return self._assign(
            [count for _, count in kinds],
            [self._costs.costs_of_matches(found) for found, _ in kinds],
            (),
        )

    def _card_kind(
        self,
        pools: Sequence[Mapping[str, Any]],
        budget: exclusion.Budget | None,
    ) -> _CardKind:
        """Return what the cost of a host with whole cards depends on."""
        matching = [
            (pool, cost)
            for pool, cost in zip(
                pools, self._costs.costs_of(pools), strict=True
            )
            if any(each is not None for each in cost)
        ]
        return _CardKind(
            tuple(
                [
                    (cost, min(pool['count'], self.total))
                    for pool, cost in matching
                ]
            ),
            grouping.exclusions([pool for pool, _ in matching]),
            budget,
        )

    def _assign_card_kind(self, kind: _CardKind) -> int | None:
        """Assign where a PF and its VFs exclude one another."""
        return self._assign(
            [count for _, count in kind.pools],
            [found for found, _ in kind.pools],
            kind.conflicts,
            kind.budget,
        )

    def _assign(
        self,
        capacities: Sequence[int],
        pool_costs: Sequence[costs.Costs],
        conflicts: Sequence[tuple[int, int]],
        budget: exclusion.Budget | None = None,
    ) -> int | None:
        found = assignment.assign(
            capacities,
            [
                assignment.Request(
                    count, tuple(cost[index] for cost in pool_costs)
                )
                for index, count in enumerate(self._counts)
            ],
            conflicts,
            budget,
        )
        return None if found is None else found.cost


def is_by_pci_flavor(spec: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a request's spec comes from a PCI flavor or a name."""
    for item in spec:
        if PCI_FLAVOR in item or PCI_NAME in item:
            return True
    return False


def compile_request(
    count: int, spec: Iterable[Mapping[str, str]]
) -> CompiledRequest:
    """Compile a request.

    :param spec: one dict an alternative, with its marker, the uuid of the PCI
        flavor and, unless it is ``forbid``, its live migration policy
    """
    return CompiledRequest(
        count,
        tuple(
            selectors.Selector(
                {
                    key: value
                    for key, value in item.items()
                    if key not in NOT_SELECTING
                }
            )
            for item in spec
        ),
    )
