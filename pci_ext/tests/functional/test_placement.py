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

"""Allocations in Placement of the devices of servers: they are its records."""

from collections.abc import Iterator
from concurrent import futures
import contextlib
import os
import sqlite3
from typing import Any

from pci_ext.cmd.allinone import stub_services
from pci_ext.tests import tags
from pci_ext.tests.functional import base
from pci_ext.tests.functional import lifecycle
from pci_ext.tests.functional import live_migrations
from pci_ext.tests.functional import process
from pci_ext.tests.functional import test_attach
from pci_ext.tests.functional import test_live_migration

REPORT = '\n[pci]\nreport_in_placement = true\n'

SCANS = """
[DEFAULT]
update_resources_interval = 2
periodic_fuzzy_delay = 0
shelved_offload_time = -1
"""

ONES = tuple(f'0000:{bus:02x}:00.0' for bus in range(0x10, 0x20))
TWO = '0000:03:00.0'


class Reported(base.TestCase):
    """A cloud that reports PCI devices in Placement."""

    ALLINONE_ONLY = 'reads and breaks the database of Placement'

    def setUp(self) -> None:
        super().setUp()
        # Tests of the class share one log.
        self.failed_before = self.failed_scans()

    def query_placement(self, *statements: str) -> list[tuple[Any, ...]]:
        """Execute statements, and return the rows of the last one."""
        assert isinstance(self.cloud, process.AllInOne)
        path = os.path.join(self.cloud.data_dir, 'placement.db')
        with contextlib.closing(
            sqlite3.connect(path, timeout=60)
        ) as connection:
            for statement in statements:
                rows = list(connection.execute(statement))
            connection.commit()
        return rows

    @contextlib.contextmanager
    def without_placement(self) -> Iterator[None]:
        """Make Placement fail to read and write allocations."""
        rename = 'ALTER TABLE %s RENAME TO %s'
        self.query_placement(rename % ('allocations', 'lost'))
        try:
            yield
        finally:
            self.query_placement(rename % ('lost', 'allocations'))

    def reported(self) -> list[tuple[str, str]]:
        """Return providers and servers of all allocations of devices.

        Those of a migration count as its server's.
        """
        servers = dict(
            self.cloud.query('SELECT uuid, instance_uuid FROM migrations')
        )
        return sorted(
            (address, servers.get(consumer, consumer))
            for name, consumer, used in self.query_placement(
                'SELECT name, consumer_id, used FROM allocations '
                'JOIN resource_providers AS provider '
                'ON provider.id = resource_provider_id '
                'WHERE parent_provider_id IS NOT NULL'
            )
            for address in [name.partition('_')[2]] * used
        )

    def recorded(self) -> list[tuple[str, str]]:
        """Return the devices of servers, by the records of the hosts."""
        return sorted(
            (address.upper(), server)
            for address, server in self.cloud.query(
                'SELECT address, instance_uuid FROM pci_devices '
                'WHERE instance_uuid IS NOT NULL AND deleted = 0'
            )
        )

    def assertReported(self) -> None:
        """Check that soon the allocations are those of the records."""
        self.wait_until(lambda: self.reported() == self.recorded())

    def failed_scans(self) -> list[str]:
        return [
            line
            for text in (
                'ReshapeFailed',
                'Error updating resources',
                'was not changed',
            )
            for line in self.cloud.log_lines(text)
        ]

    def assertNoFailedScan(self) -> None:
        """Check that no scan failed since the beginning of the test."""
        self.assertEqual(self.failed_before, self.failed_scans())

    def post(self, flavor: str) -> str:
        """Create a server without the command, which has one thread."""
        response = self.request(
            'POST',
            '/servers',
            {
                'server': {
                    'name': 'server',
                    'flavorRef': flavor,
                    'imageRef': self.image_id(),
                    'networks': 'none',
                }
            },
        )
        self.assertEqual(202, response.status, response.data)
        server = str(response.json()['server']['id'])
        self.addCleanup(self.delete_server, server)
        return server

    def image_id(self) -> str:
        return str(stub_services.IMAGE['id'])

    def flavor_id(self, name: str) -> str:
        return str(self.openstack('flavor', 'show', name)['id'])


@tags.tag(tags.NOVA33_SHORT)
class TestReported(Reported, test_attach.AttachTestCase):
    """One host with 16 devices of one kind, and one of another."""

    MORE_CONFIG = REPORT.replace('[pci]', '') + SCANS
    HOSTS = {
        'host-1': [
            test_attach.GPU_1 | {'address': list(ONES)},
            test_attach.GPU_2,
        ]
    }

    def test_a_detached_device_goes_to_another_server(self) -> None:
        first, second = self.boot_without_devices(2)
        self.assertEqual('Success', self.attach(first, '1:two'))
        self.wait_until(lambda: self.reported() == [(TWO, first)])
        self.assertEqual('Success', self.detach(first, TWO))
        self.wait_until(lambda: self.reported() == [])
        self.assertEqual('Success', self.attach(second, '1:two'))
        self.wait_until(lambda: self.reported() == [(TWO, second)])
        self.boot('1:one')
        self.boot_without_devices(1)
        self.assertReported()
        self.cloud.kill_and_start()
        self.boot('1:one')
        self.assertReported()
        self.assertNoFailedScan()

    def test_servers_boot_at_once(self) -> None:
        flavor = self.flavor_id(self.create_flavor('1:one'))
        with futures.ThreadPoolExecutor(16) as pool:
            for _ in range(3):
                # Servers of the last round are deleted meanwhile.
                created = list(pool.map(self.post, [flavor] * 8))
                for server in created:
                    self.assertEqual(
                        'ACTIVE', self.wait_while_building(server)
                    )
                self.assertReported()
                for server in created:
                    self.request('DELETE', f'/servers/{server}')
        self.assertReported()
        self.assertNoFailedScan()

    def test_devices_are_attached_at_once(self) -> None:
        servers = self.boot_without_devices(4)
        with futures.ThreadPoolExecutor(4) as pool:
            results = pool.map(self.attach, servers, ['2:one'] * 4)
            self.assertEqual(['Success'] * 4, list(results))
        self.assertReported()
        self.assertEqual(8, len(self.reported()))
        self.assertNoFailedScan()

    def test_an_attach_is_undone_after_a_scan(self) -> None:
        server, other = self.boot_without_devices(2)
        self.inject_faults(busy=[TWO], attach_delay=5)
        response = self.act(
            server, 'attach_pci', {test_attach.PCI_FLAVOR: '1:one;1:two'}
        )
        self.wait_until(lambda: len(self.reported()) == 2)
        self.assertEqual('Error', self.action_result(server, response))
        self.wait_until(lambda: self.reported() == [])
        self.inject_faults()
        self.assertEqual('Success', self.attach(other, '1:two'))
        self.assertReported()
        self.assertNoFailedScan()

    def test_a_guest_lets_go_late(self) -> None:
        server = self.boot('1:two')
        self.inject_faults(release_delay={TWO: 4}, timeout=0.5)
        self.assertEqual('Error', self.detach(server, TWO))
        self.assertEqual([(TWO, server)], self.reported())
        self.wait_until(lambda: self.allocations(server) == [])
        self.wait_until(lambda: self.reported() == [])
        self.boot('1:two')
        self.assertReported()
        self.assertNoFailedScan()

    def test_placement_fails_while_a_device_is_freed(self) -> None:
        first, second = self.boot_without_devices(2)
        self.assertEqual('Success', self.attach(first, '1:two'))
        self.assertReported()
        with self.without_placement():
            self.assertEqual('Success', self.detach(first, TWO))
            self.assertEqual('Success', self.attach(second, '1:two'))
        self.wait_until(lambda: self.reported() == [(TWO, second)])
        self.boot('1:one')

    def test_nova_compute_starts_with_a_stale_allocation(self) -> None:
        first, second = self.boot_without_devices(2)
        self.assertEqual('Success', self.attach(first, '1:two'))
        self.assertReported()
        with self.without_placement():
            self.assertEqual('Success', self.detach(first, TWO))
            self.assertEqual('Success', self.attach(second, '1:two'))
            assert isinstance(self.cloud, process.AllInOne)
            assert self.cloud.process is not None
            self.cloud.process.kill()
            self.cloud.process.wait()
        self.cloud.kill_and_start()
        self.assertReported()
        self.boot('1:one')


class TestReportedMoves(Reported, lifecycle.LifecycleTestCase):
    MORE_CONFIG = TestReported.MORE_CONFIG

    def test_cold_migration(self) -> None:
        server = self.boot_and_attach()
        self.assertReported()
        self.assertEqual(3, len(self.reported()))
        self.migrate(server)
        self.assertReported()
        self.assertEqual(6, len(self.reported()))
        self.confirm(server)
        self.assertReported()
        self.assertEqual(3, len(self.reported()))
        self.migrate(server)
        self.revert(server)
        self.assertReported()
        self.assertEqual(3, len(self.reported()))
        self.assertNoFailedScan()

    def test_shelve_and_unshelve(self) -> None:
        server = self.boot_and_attach()
        self.act_and_wait(server, 'shelve', None, 'SHELVED')
        self.act_and_wait(server, 'shelveOffload', None, 'SHELVED_OFFLOADED')
        self.wait_until(lambda: self.reported() == [])
        self.act_and_wait(server, 'unshelve', None, 'ACTIVE')
        self.assertReported()
        self.assertEqual(3, len(self.reported()))
        self.assertNoFailedScan()


class TestReportedLiveMigration(
    Reported, live_migrations.LiveMigrationTestCase
):
    MORE_CONFIG = REPORT
    HOSTS = test_live_migration.TestLiveMigration.HOSTS

    def test_live_migration(self) -> None:
        server = self.boot('2:p0001')
        self.assertReported()
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertReported()
        self.assertEqual(2, len(self.reported()))
        self.inject_faults(transfer_fails=True)
        # Nova sets the one just before the other.
        self.assertIn(self.migrate(server)['status'], ('error', 'failed'))
        self.wait_until(lambda: len(self.recorded()) == 2)
        self.assertReported()
        self.assertNoFailedScan()
