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

"""What a server asks of pools: the requests with their selectors, compiled.

Requests are compiled once for a server and then held against many hosts, so
work is done once per kind of pool and once per kind of host: pools that the
requests cannot tell apart are one, and so are hosts that have the same.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
from typing import Any

from pci_ext.matching import assignment
from pci_ext.matching import explanation
from pci_ext.matching import selectors

#: Keys of a request's spec that say where it comes from. A Nova without
#: pci_ext takes them for attributes, which no device has.
PCI_FLAVOR = 'pci_flavor'
PCI_NAME = 'pci_name'
MARKERS = frozenset((PCI_FLAVOR, PCI_NAME))

#: Key of a pool that lists, separated by commas, those of its attributes
#: that only a selector naming them may match.
SPECIAL_ATTRS = 'special_attrs'

#: Key of a pool with the address of the physical function that its devices
#: are or belong to.
ADDRESS = 'address'

# Devices that Nova gives only to those who ask for them by this key: physical
# functions, vDPA devices, devices managed by a SmartNIC.
_DEV_TYPE = 'dev_type'
_PF = 'type-PF'
_ON_DEMAND_TYPES = frozenset((_PF, 'vdpa'))
_REMOTE_MANAGED = 'remote_managed'

# Kinds remembered. More than a cloud has of hardware generations; bounded, so
# that the memory used does not grow with the hosts.
_POOL_KINDS = 256
_HOST_KINDS = 128

Prices = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Requirement:
    """A request with the selectors of its alternatives, in their order."""

    count: int
    selectors: tuple[selectors.Selector, ...]


def _price(
    alternatives: tuple[selectors.Selector, ...],
    properties: Mapping[str, str | None],
    to_be_named: frozenset[str],
) -> int | None:
    """Say how far down the alternatives a device with these properties is.

    :param to_be_named: keys without which a selector does not match it
    :returns: index of the first alternative that matches; None if none
    """
    for index, selector in enumerate(alternatives):
        # A selector without keys is that of a PCI flavor not defined yet.
        if (
            selector.matches(properties)
            and to_be_named <= selector.keys
            and selector.keys
        ):
            return index
    return None


def _keys_to_be_named(pool: Mapping[str, Any]) -> frozenset[str]:
    special = pool.get(SPECIAL_ATTRS)
    keys = set(special.split(',')) if special else set()
    if pool.get(_DEV_TYPE) in _ON_DEMAND_TYPES:
        keys.add(_DEV_TYPE)
    if str(pool.get(_REMOTE_MANAGED)).lower() == 'true':
        keys.add(_REMOTE_MANAGED)
    return frozenset(keys)


@dataclasses.dataclass(frozen=True)
class Fit:
    """How well a host can serve requests.

    :param cost: steps down the alternatives, summed over the devices
    :param left: devices that match a request and would stay free
    """

    cost: int
    left: int


class Requirements:
    """The requests of one server.

    Requests with the same alternatives are held against pools as one.
    """

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self.requirements = tuple(requirements)
        counts: dict[tuple[selectors.Selector, ...], int] = {}
        for item in self.requirements:
            counts[item.selectors] = counts.get(item.selectors, 0) + item.count
        self._alternatives = tuple(counts)
        self._counts = tuple(counts.values())
        self._total = sum(self._counts)
        self._keys = tuple(
            sorted(
                {_DEV_TYPE, _REMOTE_MANAGED, SPECIAL_ATTRS}.union(
                    *(
                        selector.keys
                        for alternatives in self._alternatives
                        for selector in alternatives
                    )
                )
            )
        )
        self._prices_of_kind = functools.lru_cache(_POOL_KINDS)(
            self._match_kind
        )
        self._cost_of_kind = functools.lru_cache(_HOST_KINDS)(
            self._assign_kind
        )

    def prices(self, pool: Mapping[str, Any]) -> Prices:
        """Price a device of a pool for every request.

        :returns: for each request the index of the alternative that the
            device would be, None if it would not do
        """
        prices = self._prices(pool)
        if prices is None:
            return (None,) * len(self.requirements)
        return tuple(
            prices[self._alternatives.index(item.selectors)]
            for item in self.requirements
        )

    def _prices(self, pool: Mapping[str, Any]) -> Prices | None:
        return self._prices_of_kind(tuple(map(pool.get, self._keys)))

    def _match_kind(self, values: tuple[Any, ...]) -> Prices | None:
        pool = dict(zip(self._keys, values, strict=True))
        # Nova's pools always have vendor_id and product_id: they are empty
        # where a host does not group by them.
        properties = {
            key: value if value is None else str(value)
            for key, value in pool.items()
            if value != ''
        }
        to_be_named = _keys_to_be_named(pool)
        prices = tuple(
            [
                _price(alternatives, properties, to_be_named)
                for alternatives in self._alternatives
            ]
        )
        return prices if any(price is not None for price in prices) else None

    def fit(self, pools: Sequence[Mapping[str, Any]]) -> Fit | None:
        """Hold the requests against the pools of a host.

        :param pools: dicts of properties with a ``count`` of free devices
        :returns: None if the host cannot serve all requests
        """
        # Written out for speed: this runs for every pool of every host.
        prices_of_kind = self._prices_of_kind
        keys = self._keys
        free: dict[Prices, int] = {}
        whole_card = False
        for pool in pools:
            prices = prices_of_kind(tuple(map(pool.get, keys)))
            if prices is not None:
                free[prices] = free.get(prices, 0) + pool['count']
                whole_card = whole_card or pool.get(_DEV_TYPE) == _PF
        left = sum(free.values()) - self._total
        if left < 0:
            return None
        if whole_card:
            cost = self._assign_cards(pools)
        else:
            # More devices than all requests together make no difference.
            total = self._total
            cost = self._cost_of_kind(
                frozenset(
                    [
                        (prices, count if count < total else total)
                        for prices, count in free.items()
                    ]
                )
            )
        return None if cost is None else Fit(cost, left)

    def found(self, pools: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
        """Count the free devices that match each request on its own."""
        counts = [0] * len(self.requirements)
        for pool in pools:
            for index, price in enumerate(self.prices(pool)):
                if price is not None:
                    counts[index] += pool['count']
        return tuple(counts)

    def explain(
        self, pools: Sequence[Mapping[str, Any]]
    ) -> explanation.Explanation:
        """Say how the host can serve the requests, or how far it can.

        Slower than to say whether it can.

        :param pools: dicts of properties with a ``count`` of free devices
        """
        prices = [self.prices(pool) for pool in pools]
        wanted = sum(item.count for item in self.requirements)
        # One more pool, of devices that there are not, makes an assignment
        # of any pools. It is so dear that none of it is taken without need.
        dearest = wanted * (
            1
            + max(
                (len(item.selectors) for item in self.requirements), default=0
            )
        )
        found = assignment.assign(
            [*(pool['count'] for pool in pools), wanted],
            [
                assignment.Demand(
                    item.count, (*(price[index] for price in prices), dearest)
                )
                for index, item in enumerate(self.requirements)
            ],
            exclusions(pools),
        )
        taken = tuple(
            explanation.Taken(index, alternative, pool, count)
            for index, pool, count in (found.taken if found else ())
            if pool < len(pools)
            and (alternative := prices[pool][index]) is not None
        )
        counts = [0] * len(self.requirements)
        for item in taken:
            counts[item.request] += item.count
        return explanation.Explanation(
            sum(counts) == wanted, taken, tuple(counts), self.found(pools)
        )

    def _assign_kind(self, kind: frozenset[tuple[Prices, int]]) -> int | None:
        pools = tuple(kind)
        return self._assign(
            [count for _, count in pools], [prices for prices, _ in pools], ()
        )

    def _assign_cards(self, pools: Sequence[Mapping[str, Any]]) -> int | None:
        """Assign where a card may be given as a whole or in parts."""
        nothing = (None,) * len(self._alternatives)
        return self._assign(
            [pool['count'] for pool in pools],
            [self._prices(pool) or nothing for pool in pools],
            exclusions(pools),
        )

    def _assign(
        self,
        capacities: Sequence[int],
        prices: Sequence[Prices],
        conflicts: Sequence[tuple[int, int]],
    ) -> int | None:
        found = assignment.assign(
            capacities,
            [
                assignment.Demand(
                    count, tuple(price[index] for price in prices)
                )
                for index, count in enumerate(self._counts)
            ],
            conflicts,
        )
        return None if found is None else found.cost


def exclusions(
    pools: Sequence[Mapping[str, Any]],
) -> tuple[tuple[int, int], ...]:
    """Find the pools that exclude each other.

    A physical function cannot be given away while one of its virtual
    functions is, nor the other way round (PCI SR-IOV: the virtual functions
    are gone once the guest resets the physical one).

    :returns: pairs of indices, of a physical function and of its functions
    """
    whole = {
        pool[ADDRESS]: index
        for index, pool in enumerate(pools)
        if pool.get(_DEV_TYPE) == _PF and ADDRESS in pool
    }
    if not whole:
        return ()
    return tuple(
        (whole[pool[ADDRESS]], index)
        for index, pool in enumerate(pools)
        if pool.get(_DEV_TYPE) != _PF and pool.get(ADDRESS) in whole
    )


def is_requirement(spec: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a request's spec comes from a PCI flavor or a name."""
    return any(not MARKERS.isdisjoint(item) for item in spec)


def requirement(count: int, spec: Iterable[Mapping[str, str]]) -> Requirement:
    """Compile a request.

    :param spec: one dict an alternative, with its marker
    """
    return Requirement(
        count,
        tuple(
            selectors.Selector(
                {
                    key: value
                    for key, value in item.items()
                    if key not in MARKERS
                }
            )
            for item in spec
        ),
    )
