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

Pools that the alternatives cannot tell apart are one kind; its costs are
computed once.
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

# Nova gives these devices only to requests that name this key: physical
# functions, vDPA devices, devices managed by a SmartNIC.
_ON_DEMAND_TYPES = frozenset((grouping.PF, 'vdpa'))
_REMOTE_MANAGED = 'remote_managed'

# Nova reserves such a device in Placement once it was used, and cleans up
# there: a claim without Placement would give it to a second server. No PCI
# flavor can name this key, so none matches the device.
_ONE_TIME_USE = 'one_time_use'

# Kinds remembered. More than a cloud has of hardware generations; bounded, so
# that the memory used does not grow with the hosts.
_POOL_KINDS = 256


class CostTable:
    """Costs by the alternatives of several requests.

    :ivar keys: the properties of a pool that its costs depend on
    :ivar costs_of_kind: returns the costs for the values of the keys, None if
        no request matches such a device, from a cache: for the hot path,
        other callers use :meth:`costs_of`
    """

    def __init__(self, requests: Sequence[Alternatives]) -> None:
        self._requests = tuple(requests)
        self.keys = tuple(
            sorted(
                {
                    grouping.DEV_TYPE,
                    _REMOTE_MANAGED,
                    _ONE_TIME_USE,
                    grouping.SPECIAL_ATTRS,
                }.union(
                    *(
                        selector.keys
                        for alternatives in self._requests
                        for selector in alternatives
                    )
                )
            )
        )
        self.costs_of_kind = functools.lru_cache(_POOL_KINDS)(self._match)

    def costs_of(self, pool: Mapping[str, Any]) -> Costs:
        """Return the costs of a device of a pool."""
        costs = self.costs_of_kind(tuple(map(pool.get, self.keys)))
        return (None,) * len(self._requests) if costs is None else costs

    def _match(self, values: tuple[Any, ...]) -> Costs | None:
        pool = dict(zip(self.keys, values, strict=True))
        properties = grouping.properties_of(pool)
        to_be_named = _keys_to_be_named(pool)
        costs = tuple(
            [
                _cost(alternatives, properties, to_be_named)
                for alternatives in self._requests
            ]
        )
        return costs if any(cost is not None for cost in costs) else None


def _cost(
    alternatives: Alternatives,
    properties: Mapping[str, str],
    to_be_named: frozenset[str],
) -> int | None:
    """Count the steps down the alternatives for a device.

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
    special = pool.get(grouping.SPECIAL_ATTRS)
    keys = set(special.split(',')) if special else set()
    if pool.get(grouping.DEV_TYPE) in _ON_DEMAND_TYPES:
        keys.add(grouping.DEV_TYPE)
    if str(pool.get(_REMOTE_MANAGED)).lower() == 'true':
        keys.add(_REMOTE_MANAGED)
    if str(pool.get(_ONE_TIME_USE)).lower() == 'true':
        keys.add(_ONE_TIME_USE)
    return frozenset(keys)
