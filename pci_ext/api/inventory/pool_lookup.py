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

"""The pool of each device of a host, looked up once for equal devices."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from oslo_serialization import jsonutils

from pci_ext.matching import grouping
from pci_ext.matching import pool_inference


class ExtraInfoParser:
    """Parses equal values of the column extra_info once."""

    def __init__(self) -> None:
        self._parsed: dict[str | None, dict[str, Any]] = {None: {}}

    def __call__(self, text: str | None) -> dict[str, Any]:
        if text not in self._parsed:
            self._parsed[text] = jsonutils.loads(text or '{}')
        return self._parsed[text]


def find_pools(
    pools: Sequence[Mapping[str, Any]],
    rows: Sequence[Any],
    free: Iterable[Any],
    special: Iterable[str],
    parse: ExtraInfoParser,
) -> Iterator[tuple[Any, dict[str, str], dict[str, str]]]:
    """Find the pool of each device of a host, the present or the last one.

    :param pools: as the host reports them
    :param rows: records of devices
    :param free: records of all free devices, equal ones at least once
    :param special: special attributes of the hosts
    :returns: for each device its record, its properties, and those of its
        pool
    """
    by_card = any(grouping.ADDRESS in pool for pool in pools)
    host_grouping = pool_inference.HostGrouping(
        pools,
        [
            _properties(key, parse)
            for key in {_lookup_key(row, by_card) for row in free}
        ],
        special,
    )
    found: dict[Any, tuple[dict[str, str], dict[str, str]]] = {}
    for row in rows:
        key = _lookup_key(row, by_card)
        if key not in found:
            properties = _properties(key, parse)
            found[key] = properties, host_grouping.pool_of(properties)
        yield row, *found[key]


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


def _properties(
    key: tuple[Any, ...], parse: ExtraInfoParser
) -> dict[str, str]:
    *values, extra_info = key
    properties = {
        **parse(extra_info),
        **dict(zip(_COLUMNS, values, strict=True)),
    }
    return {
        name: str(value)
        for name, value in properties.items()
        if value is not None
    }
