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

"""The first devices in an order, found by the database of a cell.

A page of a list needs no other devices. The order is that of Python, which
merges the devices of all cells: of characters by their code points, and None
first.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
from typing import Any

from nova import context as nova_context
from nova.db.main import models
import sqlalchemy as sa

from pci_ext.api.inventory import cell_queries

_Column = sa.ColumnElement[Any]

_UTF_8: _Column = sa.literal_column('utf8mb4')


@dataclasses.dataclass(frozen=True)
class Cut:
    """The first devices in an order, of those after one device.

    :ivar order: columns as of `column_of`, each with whether it descends; the
        uuid is always the last
    :ivar after: the values of the columns and the uuid of the one device
    :ivar limit: number of devices
    """

    order: tuple[tuple[str, bool], ...]
    after: tuple[Any, ...] | None
    limit: int


def column_of(key: str) -> Any:
    """Return the column of a device, or of its host, by its name."""
    return models.ComputeNode.host if key == 'host' else _device(key)


def _device(name: str) -> Any:
    return getattr(models.PciDevice, name)


def narrow(
    context: nova_context.RequestContext,
    device_filter: cell_queries.DeviceFilter,
    cut: Cut,
) -> cell_queries.DeviceFilter:
    """Find the first devices of those that a filter selects.

    :returns: a filter that selects them alone
    """
    exact = _Exact(context.session.get_bind().dialect.name)
    node = models.ComputeNode
    query = (
        context.session.query(
            models.PciDevice.id, models.PciDevice.compute_node_id
        )
        .join(node, node.id == models.PciDevice.compute_node_id)
        .filter(node.host.isnot(None))
    )
    for condition in cell_queries.device_conditions(device_filter):
        query = query.filter(condition)
    # The database may take other texts for equal, and is not to count them.
    for column, value in cell_queries.equal_columns(device_filter):
        query = query.filter(exact.text(column) == exact.value(value))
    columns = [
        *((column_of(key), descending) for key, descending in cut.order),
        (models.PciDevice.uuid, False),
    ]
    if cut.after is not None:
        query = query.filter(_is_after(exact, columns, cut.after))
    rows = list(query.order_by(*_order(exact, columns)).limit(cut.limit))
    return cell_queries.DeviceFilter(
        ids=frozenset(row.id for row in rows),
        node_ids=frozenset(row.compute_node_id for row in rows),
    )


class _Exact:
    """Compares texts by their characters, not by the collation."""

    def __init__(self, dialect: str) -> None:
        self._is_mysql = dialect in cell_queries.MYSQL
        self._is_postgresql = dialect == 'postgresql'

    def text(self, column: Any) -> _Column:
        if not isinstance(column.type, sa.String):
            return column
        if self._is_mysql:
            # Tables of older releases may have another character set.
            converted = sa.func.convert(column.op('USING')(_UTF_8))
            return sa.cast(converted, sa.LargeBinary)
        if self._is_postgresql:
            return sa.collate(column, 'C')
        return column

    def value(self, value: Any) -> Any:
        if self._is_mysql and isinstance(value, str):
            return value.encode()
        return value


def _order(
    exact: _Exact, columns: Iterable[tuple[Any, bool]]
) -> Iterator[_Column]:
    for column, descending in columns:
        # Not every database has None first.
        for term in (column.isnot(None), exact.text(column)):
            yield term.desc() if descending else term.asc()


def _is_after(
    exact: _Exact,
    columns: Sequence[tuple[Any, bool]],
    values: Sequence[Any],
) -> _Column:
    """Return the condition that a row comes after one with some values."""
    after: list[_Column] = []
    equal: list[_Column] = []
    for (column, descending), value in zip(columns, values, strict=True):
        text, given = exact.text(column), exact.value(value)
        later: _Column
        if value is None:
            later = sa.false() if descending else column.isnot(None)
            same = column.is_(None)
        else:
            later = (
                sa.or_(text < given, column.is_(None))
                if descending
                else text > given
            )
            same = text == given
        after.append(sa.and_(*equal, later))
        equal.append(same)
    return sa.or_(*after)
