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
"""The pools on record of all hosts, in the memory of nova-scheduler.

The record of a host is written at each claim and release. Before each use,
those that were written since the last read are read, so the pools are as new
as those that the filters see.
"""

from collections.abc import Collection
from collections.abc import Iterable
import itertools
import time

from nova import context as nova_context
from nova import objects

from pci_ext.scheduler import cell_records

# Seconds for which a cell is not asked that did not answer: Nova waits for it
# as long.
_SILENCE = 60


class RecordedPools:
    """The pools of the hosts of some cells.

    :ivar count: number of the hosts
    :ivar all_answered: whether each cell was read
    """

    def __init__(
        self,
        cells: Iterable[cell_records.Cell],
        ignored: Collection[str],
        all_answered: bool,
    ) -> None:
        names = {name.lower() for name in ignored}
        self._kinds = [
            (pools, kept)
            for cell in cells
            for pools, hosts in cell.kinds()
            if (kept := _without(hosts, names))
        ]
        self.count = sum(len(hosts) for _, hosts in self._kinds)
        self.all_answered = all_answered

    def kinds(
        self,
    ) -> 'list[tuple[cell_records.Pools, list[cell_records.Host]]]':
        """List the kinds of hosts: their pools, and the hosts."""
        return self._kinds


def _without(
    hosts: list[cell_records.Host], names: Collection[str]
) -> list[cell_records.Host]:
    if not names:
        return hosts
    return [host for host in hosts if host.name.lower() not in names]


class HostRecords:
    """The records of all hosts, for one nova-scheduler."""

    def __init__(self) -> None:
        self._cells: dict[str, cell_records.Cell] = {}
        self._silent_until: dict[str, float] = {}
        self._reads = itertools.count()

    def read(
        self,
        context: nova_context.RequestContext,
        mappings: 'Collection[objects.CellMapping]',
        ignored: Collection[str] = (),
        *,
        whole: bool = False,
    ) -> RecordedPools:
        """Read the changes, and return the pools of the hosts of some cells.

        :param mappings: the cells
        :param ignored: names of hosts to leave out
        :param whole: whether to read all records
        """
        now = time.monotonic()
        asked = {
            mapping.uuid: self._cells.setdefault(
                mapping.uuid, cell_records.Cell()
            )
            for mapping in mappings
        }
        speaking = {
            uuid: cell
            for uuid, cell in asked.items()
            if self._silent_until.get(uuid, 0) <= now
        }
        since = {}
        if not whole:
            since = {
                uuid: oldest
                for uuid, cell in speaking.items()
                if (oldest := cell.since())
            }
        read = next(self._reads)
        results = nova_context.scatter_gather_cells(
            context,
            [mapping for mapping in mappings if mapping.uuid in speaking],
            nova_context.CELL_TIMEOUT,
            cell_records.read_cell,
            since,
        )
        answered = []
        for uuid, rows in results.items():
            if nova_context.is_cell_failure_sentinel(rows):
                self._silent_until[uuid] = time.monotonic() + _SILENCE
            else:
                speaking[uuid].record(rows, read, uuid not in since)
                answered.append(speaking[uuid])
        return RecordedPools(answered, ignored, len(answered) == len(asked))
