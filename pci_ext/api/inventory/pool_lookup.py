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

"""The pool of each device of a host, looked up once for equal ones."""

from collections.abc import Collection
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import functools
from typing import Any

from oslo_serialization import jsonutils

from pci_ext.matching import grouping
from pci_ext.matching import pool_inference


class _Host:
    """The grouping of a host, with the pools found so far by lookup key."""

    def __init__(self, host_grouping: pool_inference.HostGrouping) -> None:
        self.grouping = host_grouping
        self.found: dict[Any, tuple[dict[str, str], dict[str, str]]] = {}


class PoolFinder:
    """Finds the pools of the devices of many hosts.

    A cloud has many hosts of few kinds: what equal hosts share is found once.
    """

    def __init__(
        self, special: Iterable[str], ignored: Collection[str]
    ) -> None:
        """Find pools.

        :param special: special attributes of the hosts
        :param ignored: properties to leave out: no host groups by them
        """
        self._special = tuple(special)
        self._ignored = ignored
        self._hosts: dict[Hashable, _Host] = {}
        # Of equal values of the column extra_info.
        self._parse = functools.cache(_parse)
        # Of equal devices in the same slot, of many hosts.
        self._properties = functools.cache(self._find_properties)

    def find_pools(
        self,
        pools: Sequence[Mapping[str, Any]],
        rows: Iterable[Any],
        free: Iterable[Any],
    ) -> Iterator[tuple[Any, dict[str, str], dict[str, str]]]:
        """Find the pool of each device of a host, the present or the last one.

        :param pools: as the host reports them
        :param rows: records of devices
        :param free: records of all free devices, equal ones at least once
        :returns: for each device its record, its properties, and those of its
            pool
        """
        by_card = any(grouping.ADDRESS in pool for pool in pools)
        host = self._host(
            pools, frozenset(_lookup_key(row, by_card) for row in free)
        )
        for row in rows:
            key = _lookup_key(row, by_card)
            if key not in host.found:
                properties = self._properties(key)
                host.found[key] = properties, host.grouping.pool_of(properties)
            yield row, *host.found[key]

    def _host(
        self,
        pools: Sequence[Mapping[str, Any]],
        free: frozenset[tuple[Any, ...]],
    ) -> _Host:
        kind = (
            tuple(
                frozenset(item for item in pool.items() if item[0] != 'count')
                for pool in pools
            ),
            free,
        )
        if kind not in self._hosts:
            self._hosts[kind] = _Host(
                pool_inference.HostGrouping(
                    pools, map(self._properties, free), self._special
                )
            )
        return self._hosts[kind]

    def _find_properties(self, key: tuple[Any, ...]) -> dict[str, str]:
        *values, extra_info = key
        properties = {
            **self._parse(extra_info),
            **dict(zip(_COLUMNS, values, strict=True)),
        }
        return {
            name: str(value)
            for name, value in properties.items()
            if value is not None and name not in self._ignored
        }


def _parse(extra_info: str | None) -> dict[str, Any]:
    parsed: dict[str, Any] = jsonutils.loads(extra_info or '{}')
    return parsed


_COLUMNS = (
    'vendor_id',
    'product_id',
    'dev_type',
    'label',
    'numa_node',
    grouping.ADDRESS,
)


def _lookup_key(row: Any, by_card: bool) -> tuple[Any, ...]:
    """Return the values that devices of one pool share, and extra_info."""
    return (
        row.vendor_id,
        row.product_id,
        row.dev_type,
        row.label,
        row.numa_node,
        (row.parent_addr or row.address) if by_card else None,
        row.extra_info,
    )
