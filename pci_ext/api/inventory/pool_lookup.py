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

"""The devices of a host by kind: what is worked out once for each kind."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from oslo_serialization import jsonutils

from pci_ext.api.inventory import cell_queries
from pci_ext.matching import pool_inference
from pci_ext.matching import pools as matching_pools


class Parser:
    """Parses what is equal once."""

    def __init__(self) -> None:
        self._parsed: dict[str | None, dict[str, Any]] = {None: {}}

    def __call__(self, text: str | None) -> dict[str, Any]:
        if text not in self._parsed:
            self._parsed[text] = jsonutils.loads(text or '{}')
        return self._parsed[text]


def sort_into_pools(
    pools: Sequence[Mapping[str, Any]],
    rows: Sequence[Any],
    special: Iterable[str],
    parse: Parser,
) -> Iterator[tuple[Any, dict[str, str], dict[str, str]]]:
    """Find for each device of a host the pool that it is in, or was.

    :param pools: as the host reports them
    :param rows: records of devices, those of all free ones among them
    :param special: attributes that devices elsewhere are kept by
    :returns: for each device its record, its properties, and those of its
        pool
    """
    by_card = any(matching_pools.ADDRESS in pool for pool in pools)
    kinds = [_kind(row, by_card) for row in rows]
    properties = {kind: _properties(kind, parse) for kind in set(kinds)}
    host_grouping = pool_inference.HostGrouping(
        pools,
        [
            properties[kind]
            for kind in {
                kind
                for kind, row in zip(kinds, rows, strict=True)
                if row.status == cell_queries.FREE
            }
        ],
        special,
    )
    pool_of: dict[Any, dict[str, str]] = {}
    for kind, row in zip(kinds, rows, strict=True):
        if kind not in pool_of:
            pool_of[kind] = host_grouping.pool_of(properties[kind])
        yield row, properties[kind], pool_of[kind]


_KIND = (
    'vendor_id',
    'product_id',
    'dev_type',
    'label',
    'numa_node',
    matching_pools.ADDRESS,
)


def _kind(row: Any, by_card: bool) -> tuple[Any, ...]:
    """Give what devices of one pool have in common, and extra_info."""
    return (
        row.vendor_id,
        row.product_id,
        row.dev_type,
        row.label,
        row.numa_node,
        (row.parent_addr or row.address) if by_card else None,
        row.extra_info,
    )


def _properties(kind: tuple[Any, ...], parse: Parser) -> dict[str, str]:
    *values, extra_info = kind
    properties = {**parse(extra_info), **dict(zip(_KIND, values, strict=True))}
    return {
        key: str(value)
        for key, value in properties.items()
        if value is not None
    }
