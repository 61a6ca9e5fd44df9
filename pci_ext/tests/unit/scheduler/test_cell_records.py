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

from __future__ import annotations

import datetime
import random
import types
from typing import Any

import fixtures
from nova import objects
from oslo_serialization import jsonutils
from oslotest import base

from pci_ext.claims import own_aggregate
from pci_ext.matching import compiled_requests
from pci_ext.scheduler import cell_records
from pci_ext.scheduler import host_records
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.unit.scheduler import hosts

START = datetime.datetime(2026, 1, 1)
A, B = {'product_id': '000a'}, {'product_id': '000b'}


def pci_stats(*pools: dict[str, Any]) -> str:
    """Return pools as a record has them; each dict has changes to POOL."""
    listed = objects.PciDevicePoolList(
        objects=[
            objects.PciDevicePool.from_dict(hosts.POOL | pool)
            for pool in pools
        ]
    )
    return str(jsonutils.dumps(listed.obj_to_primitive()))


def row(number: int, stats: str | None, second: int = 0) -> Any:
    return types.SimpleNamespace(
        id=number,
        uuid=f'00000000-0000-0000-0000-{number:012}',
        host=f'host-{number}',
        pci_stats=stats,
        is_member=True,
        written_at=START + datetime.timedelta(seconds=second),
    )


class CellTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(pci_ext_fixtures.Activation())
        self.cell = cell_records.Cell()
        self.now = 1000.0
        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.scheduler.cell_records.time.monotonic',
                lambda: self.now,
            )
        )

    def kinds(self) -> list[list[str]]:
        return sorted(
            sorted(host.name for host in listed)
            for _, listed in self.cell.kinds()
        )

    def fitting(self, **spec: str) -> list[str]:
        requests = compiled_requests.CompiledRequests(
            [
                compiled_requests.compile_request(
                    1, [{**spec, 'pci_flavor': 'flavor'}]
                )
            ]
        )
        recorded = host_records.RecordedPools([self.cell], (), True)
        return sorted(
            host.name
            for pools, listed in recorded.kinds()
            if requests.fit(pools)
            for host in listed
        )

    def test_hosts_with_equal_pools_are_one_kind(self) -> None:
        other = jsonutils.loads(pci_stats(B, A))
        for pool in other['nova_object.data']['objects']:
            pool['nova_object.changes'].reverse()
        self.cell.record(
            [
                row(1, pci_stats(A, B)),
                row(2, jsonutils.dumps(other)),
                row(3, pci_stats(A)),
                row(4, None),
                row(5, pci_stats()),
            ],
            read=1,
            whole=True,
        )
        self.assertEqual(
            [['host-1', 'host-2'], ['host-3'], ['host-4', 'host-5']],
            self.kinds(),
        )
        self.assertEqual(
            ['host-1', 'host-2', 'host-3'], self.fitting(product_id='000a')
        )

    def test_the_kind_of_a_host_changes(self) -> None:
        self.cell.record([row(1, pci_stats(A))], read=1, whole=True)
        self.cell.record([row(1, pci_stats(B))], read=2, whole=False)
        self.assertEqual([], self.fitting(product_id='000a'))
        self.assertEqual(['host-1'], self.fitting(product_id='000b'))
        self.assertEqual([['host-1']], self.kinds())

    def test_an_earlier_read_that_ends_later_changes_nothing(self) -> None:
        self.cell.record(
            [row(1, pci_stats(B)), row(2, pci_stats(B))], read=2, whole=False
        )
        self.cell.record([row(1, pci_stats(A))], read=1, whole=True)
        self.assertEqual(['host-1', 'host-2'], self.fitting(product_id='000b'))

    def test_deleted_hosts_are_gone_after_a_whole_read(self) -> None:
        rows = [row(1, pci_stats(A)), row(2, pci_stats(A))]
        self.cell.record(rows, read=1, whole=True)
        self.cell.record(rows[:1], read=2, whole=False)
        self.assertEqual([['host-1', 'host-2']], self.kinds())
        self.cell.record(rows[:1], read=3, whole=True)
        self.assertEqual([['host-1']], self.kinds())

    def test_hosts_without_pci_ext_do_not_fit(self) -> None:
        stats = jsonutils.loads(pci_stats(A))
        for pool in stats['nova_object.data']['objects']:
            del pool['nova_object.data']['tags']['special_attrs']
        self.cell.record([row(1, jsonutils.dumps(stats))], 1, True)
        self.assertEqual([], self.fitting(product_id='000a'))

    def test_pools_that_were_cut_are_none(self) -> None:
        self.cell.record(
            [row(1, pci_stats(A)[:-9]), row(2, pci_stats(A))], 1, True
        )
        self.assertEqual(['host-2'], self.fitting(product_id='000a'))

    def test_reads_what_was_written_since_the_last_read(self) -> None:
        self.assertIsNone(self.cell.since())
        self.cell.record([row(1, None, 30), row(2, None, 20)], 1, True)
        # Clocks differ.
        self.assertEqual(
            START + datetime.timedelta(seconds=25), self.cell.since()
        )
        self.cell.record([row(1, None, 40)], 2, False)
        self.assertEqual(
            START + datetime.timedelta(seconds=35), self.cell.since()
        )
        self.now += 61
        self.assertIsNone(self.cell.since())

    def test_random_changes(self) -> None:
        rng = random.Random(7)
        known: dict[int, str | None] = {}
        for read in range(300):
            changed = {
                rng.randrange(9): rng.choice(
                    [None, pci_stats(A), pci_stats(B), pci_stats(A, B)]
                )
                for _ in range(rng.randrange(3))
            }
            known |= changed
            self.cell.record(
                [row(number, stats) for number, stats in changed.items()],
                read,
                whole=False,
            )
            for product in ('000a', '000b'):
                self.assertEqual(
                    sorted(
                        f'host-{number}'
                        for number, stats in known.items()
                        if stats and product in stats
                    ),
                    self.fitting(product_id=product),
                )

    def test_leaves_out_ignored_hosts(self) -> None:
        self.cell.record(
            [row(number, pci_stats(A)) for number in range(3)], 1, True
        )
        recorded = host_records.RecordedPools(
            [self.cell], ['HOST-1', 'host-0'], True
        )
        [(_, [host])] = recorded.kinds()
        self.assertEqual('host-2', host.name)
        self.assertEqual(
            own_aggregate.uuid_of(row(2, None).uuid), host.aggregate
        )
        self.assertEqual(1, recorded.count)
