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

"""The cost of a device for a request: the steps down its alternatives.

Most pools of a cloud match no request, and show it by one property. So the
alternatives that a pool matches are found property by property. For each
value of a property they are computed once.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import functools
from typing import Any

from pci_ext.matching import grouping
from pci_ext.matching import selectors

#: The alternatives of a request, in their order.
Alternatives = tuple[selectors.Selector, ...]

#: For each request the index of the alternative that a device would be, None
#: if it does not match.
Costs = tuple[int | None, ...]

#: The alternatives of all requests that a device matches, one bit each.
Matches = int

# Nova gives these devices only to requests that name this key: physical
# functions, vDPA devices, devices managed by a SmartNIC.
_ON_DEMAND_TYPES = frozenset((grouping.PF, 'vdpa'))
_REMOTE_MANAGED = 'remote_managed'

# Nova reserves such a device in Placement once it was used, and cleans up
# there: a claim without Placement would give it to a second server. No PCI
# flavor can name this key, so none matches the device.
_ONE_TIME_USE = 'one_time_use'

# Values remembered of each property. More than a cloud has of hardware
# generations; bounded, so that the memory used does not grow with the hosts.
_VALUES = 256


class _Column(dict[Any, Matches]):
    """The alternatives that accept a value of one property.

    :param numbered: the selectors of the alternatives, each with its bit
    """

    def __init__(
        self, key: str, numbered: Sequence[tuple[int, selectors.Selector]]
    ) -> None:
        super().__init__()
        self._key = key
        self._numbered = numbered
        self._unnamed = sum(
            bit for bit, selector in numbered if key not in selector.keys
        )
        self._named = [
            (bit, selector.test_of(key))
            for bit, selector in numbered
            if key in selector.keys
        ]

    def __missing__(self, value: Any) -> Matches:
        if len(self) >= _VALUES:
            self.clear()
        matches = self._unnamed
        text = grouping.text_of(self._key, value)
        if text is not None:
            for bit, test in self._named:
                if test(text):
                    matches |= bit
        to_be_named = _keys_to_be_named(self._key, value)
        if to_be_named:
            matches &= sum(
                bit
                for bit, selector in self._numbered
                if to_be_named <= selector.keys
            )
        self[value] = matches
        return matches


class CostTable:
    """Costs by the alternatives of several requests.

    :ivar takes_cards: whether any alternative may match a physical function
    """

    def __init__(self, requests: Sequence[Alternatives]) -> None:
        self._requests = tuple(requests)
        alternatives = [each for request in self._requests for each in request]
        numbered = [
            (1 << place, selector)
            for place, selector in enumerate(alternatives)
            # One without keys is that of a PCI flavor not defined yet.
            if selector.keys
        ]
        named = frozenset[str]().union(*(each.keys for _, each in numbered))
        always = {
            grouping.DEV_TYPE,
            _REMOTE_MANAGED,
            _ONE_TIME_USE,
            grouping.SPECIAL_ATTRS,
        }
        # Most pools differ from the wanted ones in a property that is named.
        self._columns = tuple(
            (key, _Column(key, numbered))
            for key in (*sorted(named), *sorted(always - named))
        )
        self.takes_cards = bool(
            dict(self._columns)[grouping.DEV_TYPE][grouping.PF]
        )
        self.costs_of_matches = functools.lru_cache(_VALUES)(
            self._costs_of_matches
        )

    def match(self, pools: Sequence[Mapping[str, Any]]) -> list[Matches]:
        """Find the alternatives that a device of each pool matches."""
        # Written out for speed: this runs for every pool of every host.
        (first, column), *others = self._columns
        found = [column[pool.get(first)] for pool in pools]
        for index, matches in enumerate(found):
            if matches:
                pool = pools[index]
                for key, column in others:
                    matches &= column[pool.get(key)]
                    if not matches:
                        break
                found[index] = matches
        return found

    def count_free(
        self, pools: Sequence[Mapping[str, Any]]
    ) -> dict[Matches, int]:
        """Count the devices of a host by the alternatives that they match.

        :returns: without those that match none
        """
        free: dict[Matches, int] = {}
        for matches, pool in zip(self.match(pools), pools, strict=True):
            if matches:
                free[matches] = free.get(matches, 0) + pool['count']
        return free

    def costs_of(self, pools: Sequence[Mapping[str, Any]]) -> list[Costs]:
        """Return the costs of a device of each pool."""
        return list(map(self.costs_of_matches, self.match(pools)))

    def _costs_of_matches(self, matches: Matches) -> Costs:
        costs: list[int | None] = []
        for alternatives in self._requests:
            own = matches & ((1 << len(alternatives)) - 1)
            # The place of the first alternative, which is the lowest bit.
            costs.append((own & -own).bit_length() - 1 if own else None)
            matches >>= len(alternatives)
        return tuple(costs)


def _keys_to_be_named(key: str, value: Any) -> frozenset[str]:
    """Return the keys without which a selector does not match the value."""
    if key == grouping.SPECIAL_ATTRS:
        return frozenset(value.split(',')) if value else frozenset()
    if key == grouping.DEV_TYPE:
        on_demand = value in _ON_DEMAND_TYPES
    else:
        on_demand = (
            key in (_REMOTE_MANAGED, _ONE_TIME_USE)
            and str(value).lower() == 'true'
        )
    return frozenset((key,)) if on_demand else frozenset()
