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
"""The pools on record of the hosts of a cell, in the memory of nova-scheduler.

Hosts with equal pools are one kind.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import datetime
import hashlib
import threading
import time
from typing import Any

from nova import context as nova_context
from nova.db.main import api as db_api
from nova.db.main import models
from oslo_serialization import jsonutils
import sqlalchemy as sa

from pci_ext.claims import own_aggregate
from pci_ext.claims import reported_pools
from pci_ext.matching import grouping

Pools = Sequence[Mapping[str, Any]]

# The time of a record is that of the clock of a nova-conductor, before it is
# committed, in whole seconds in MySQL.
_CLOCK_MARGIN = datetime.timedelta(seconds=5)

# Seconds after which all records are read, old ones too: clocks may differ
# more, and records are deleted.
_WHOLE_INTERVAL = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """The record of a host.

    :ivar aggregate: uuid of its own aggregate
    :ivar is_member: whether it is in that
    :ivar kind: equal for equal pools
    :ivar digest: of the pools, as they are on record
    :ivar read: number of the read
    """

    name: str
    aggregate: str
    is_member: bool
    kind: str
    digest: bytes
    read: int


@db_api.pick_context_manager_reader
def read_cell(
    context: nova_context.RequestContext,
    since: Mapping[str, datetime.datetime],
) -> list[Any]:
    """Read the cell that the context is targeted at.

    :param since: time by uuid of the cell; all records of others
    """
    node = models.ComputeNode
    query = context.session.query(
        node.id,
        node.uuid,
        node.host,
        node.pci_stats,
        node.stats.contains(own_aggregate.IS_MEMBER, autoescape=True).label(
            'is_member'
        ),
        sa.func.coalesce(node.updated_at, node.created_at).label('written_at'),
    ).filter(node.deleted == 0, node.host.isnot(None))
    if context.cell_uuid in since:
        time_of_read = since[context.cell_uuid]
        query = query.filter(
            sa.or_(
                node.updated_at >= time_of_read,
                sa.and_(
                    node.updated_at.is_(None), node.created_at >= time_of_read
                ),
            )
        )
    return list(query)


def _parse(pci_stats: str | None) -> tuple[str, Pools]:
    """Parse the pools of a host.

    :returns: text that is equal for equal pools, and the pools from which PCI
        flavors select; hosts write equal pools in different ways
    """
    pools = grouping.selectable(
        reported_pools.parse_pools(pci_stats) if pci_stats else ()
    )
    texts = [jsonutils.dumps(pool, sort_keys=True) for pool in pools]
    return '\n'.join(sorted(texts)), pools


class Cell:
    """The records of a cell; several threads use them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[int, Host] = {}
        self._pools: dict[str, Pools] = {}
        #: Hosts by kind and id.
        self._of_kind: dict[str, dict[int, Host]] = {}
        self._newest: datetime.datetime | None = None
        self._whole_at = 0.0

    def since(self) -> datetime.datetime | None:
        """Return the time of the oldest record to read; None for all."""
        if (
            self._newest is None
            or time.monotonic() - self._whole_at > _WHOLE_INTERVAL
        ):
            return None
        return self._newest - _CLOCK_MARGIN

    def record(self, rows: Iterable[Any], read: int, whole: bool) -> None:
        """Record what was read.

        :param read: number of the read; another thread may have begun a later
            one, and have recorded it already
        :param whole: whether all records were read
        """
        with self._lock:
            ids = set()
            for row in rows:
                ids.add(row.id)
                self._record_host(row, read)
                if self._newest is None or row.written_at > self._newest:
                    self._newest = row.written_at
            if whole:
                self._whole_at = time.monotonic()
                for node_id in self._hosts.keys() - ids:
                    if self._hosts[node_id].read < read:
                        self._forget(node_id)

    def _record_host(self, row: Any, read: int) -> None:
        known = self._hosts.get(row.id)
        if known is not None and known.read > read:
            return
        # The texts of all hosts would take much memory.
        digest = hashlib.sha256((row.pci_stats or '').encode()).digest()
        if known is not None and known.digest == digest:
            kind, pools = known.kind, self._pools[known.kind]
        else:
            kind, pools = _parse(row.pci_stats)
        if known is not None:
            self._forget(row.id)
        host = Host(
            row.host,
            own_aggregate.uuid_of(row.uuid)
            if known is None
            else known.aggregate,
            bool(row.is_member),
            kind,
            digest,
            read,
        )
        self._hosts[row.id] = host
        self._pools[kind] = pools
        self._of_kind.setdefault(kind, {})[row.id] = host

    def _forget(self, node_id: int) -> None:
        kind = self._hosts.pop(node_id).kind
        of_kind = self._of_kind[kind]
        del of_kind[node_id]
        if not of_kind:
            del self._of_kind[kind], self._pools[kind]

    def kinds(self) -> list[tuple[Pools, list[Host]]]:
        """List the kinds of hosts: their pools, and the hosts."""
        with self._lock:
            return [
                (self._pools[kind], list(hosts.values()))
                for kind, hosts in self._of_kind.items()
            ]
