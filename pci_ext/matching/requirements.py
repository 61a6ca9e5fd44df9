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

import functools
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from pci_ext.matching import assignment
from pci_ext.matching import selectors

#: Keys of a request's spec that say where it comes from. A Nova without
#: pci_ext takes them for attributes, which no device has.
PCI_FLAVOR = 'pci_flavor'
PCI_NAME = 'pci_name'
MARKERS = frozenset((PCI_FLAVOR, PCI_NAME))

#: Key of a pool that lists, separated by commas, those of its attributes
#: that only a selector naming them may match.
SPECIAL_ATTRS = 'special_attrs'

# Devices that Nova gives only to those who ask for them by this key: physical
# functions, vDPA devices, devices managed by a SmartNIC.
_DEV_TYPE = 'dev_type'
_ON_DEMAND_TYPES = frozenset(('type-PF', 'vdpa'))
_REMOTE_MANAGED = 'remote_managed'

# Kinds remembered. More than a cloud has of hardware generations; bounded, so
# that the memory used does not grow with the hosts.
_POOL_KINDS = 2048
_HOST_KINDS = 512

Prices = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Requirement:
    """A request with the selectors of its alternatives, in their order."""

    count: int
    selectors: tuple[selectors.Selector, ...]

    def price(self, pool: Mapping[str, Any]) -> int | None:
        """Say how far down the alternatives a device of this pool is.

        :returns: index of the first alternative that matches; None if none
        """
        on_demand = _keys_to_be_named(pool)
        properties = _properties(pool)
        for index, selector in enumerate(self.selectors):
            # A selector without keys is that of a PCI flavor not defined yet.
            if (
                selector.keys
                and on_demand <= selector.keys
                and selector.matches(properties)
            ):
                return index
        return None


def _properties(pool: Mapping[str, Any]) -> dict[str, str | None]:
    """Give the properties of a pool as strings, None for what it lacks.

    Nova's pools always have vendor_id and product_id: they are empty where
    a host does not group by them.
    """
    return {
        key: None if value is None or value == '' else str(value)
        for key, value in pool.items()
    }


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
    """The requests of one server."""

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self.requirements = tuple(requirements)
        self.total = sum(item.count for item in self.requirements)
        self._keys = tuple(
            sorted(
                {
                    _DEV_TYPE,
                    _REMOTE_MANAGED,
                    SPECIAL_ATTRS,
                }.union(
                    *(
                        selector.keys
                        for item in self.requirements
                        for selector in item.selectors
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

    def prices(self, pool: Mapping[str, Any]) -> Prices | None:
        """Price a device of a pool for every request.

        :returns: for each request its price or None; None if no request can
            be served from this pool
        """
        get = pool.get
        return self._prices_of_kind(tuple([get(key) for key in self._keys]))

    def _match_kind(self, values: tuple[Any, ...]) -> Prices | None:
        pool = dict(zip(self._keys, values, strict=True))
        prices = tuple(item.price(pool) for item in self.requirements)
        return None if all(price is None for price in prices) else prices

    def fit(self, pools: Iterable[Mapping[str, Any]]) -> Fit | None:
        """Hold the requests against the pools of a host.

        :param pools: dicts of properties with a ``count`` of free devices
        :returns: None if the host cannot serve all requests
        """
        # Written out for speed: this runs for every pool of every host.
        get_prices = self._prices_of_kind
        keys = self._keys
        free: dict[Prices, int] = {}
        for pool in pools:
            get = pool.get
            prices = get_prices(tuple([get(key) for key in keys]))
            if prices is not None:
                free[prices] = free.get(prices, 0) + pool['count']
        left = sum(free.values()) - self.total
        if left < 0:
            return None
        # More devices than all requests together make no difference.
        total = self.total
        cost = self._cost_of_kind(
            tuple(
                sorted(
                    [(prices, min(count, total))
                     for prices, count in free.items()],
                    key=repr,
                )
            )
            if len(free) > 1
            else tuple((prices, total) for prices in free)
        )
        return None if cost is None else Fit(cost, left)

    def found(self, pools: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
        """Count the free devices that match each request on its own."""
        counts = [0] * len(self.requirements)
        for pool in pools:
            for index, price in enumerate(self.prices(pool) or ()):
                if price is not None:
                    counts[index] += pool['count']
        return tuple(counts)

    def _assign_kind(
        self, kind: tuple[tuple[Prices, int], ...]
    ) -> int | None:
        found = assignment.assign(
            tuple(count for _, count in kind),
            tuple(
                assignment.Demand(
                    item.count, tuple(prices[index] for prices, _ in kind)
                )
                for index, item in enumerate(self.requirements)
            ),
        )
        return None if found is None else found.cost


def is_requirement(spec: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a request's spec comes from a PCI flavor or a name."""
    return any(not MARKERS.isdisjoint(item) for item in spec)


def requirement(
    count: int, spec: Iterable[Mapping[str, str]]
) -> Requirement:
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
