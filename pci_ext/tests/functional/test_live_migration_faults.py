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

"""Live migrations that fail or are aborted, and concurrent ones."""

from typing import ClassVar

from pci_ext.tests.functional import live_migrations
from pci_ext.tests.functional import test_live_migration

HOTPLUG = test_live_migration.HOTPLUG
ELSEWHERE = HOTPLUG | {'address': ['0000:81:00.0', '0000:81:00.1']}

HOST_1 = ['0000:01:00.0', '0000:01:00.1']
HOST_2 = ['0000:81:00.0', '0000:81:00.1']


class FaultsTestCase(live_migrations.LiveMigrationTestCase):
    """A server with both devices of a host; the other host has two more."""

    HOSTS = {'host-1': [HOTPLUG], 'host-2': [ELSEWHERE]}
    LIVE_MIGRATION = {'0001': 'hotplug'}

    table: ClassVar[list[str]] = []

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        print('\n'.join(['', *cls.table]))  # noqa: T201
        cls.table.clear()

    def setUp(self) -> None:
        super().setUp()
        self.server = self.boot('2:p0001')
        if self.host_of(self.server) != 'host-1':
            self.assertEqual('completed', self.migrate(self.server)['status'])
        self.wait_until(
            lambda: {host for host, _ in self.devices_in_use()} == {'host-1'}
        )

    def assertUndone(self, fault: str, status: str) -> None:
        """Check that a migration ended with a status and was undone."""
        found = self.migration(self.server)['status']
        self.assertRunsOn(self.server, 'host-1', '01', '01')
        self.assertEqual(status, found)
        self.add_row(fault, found)

    def assertMigrated(self, fault: str) -> None:
        """Check that the server is on the other host with all devices."""
        found = self.migration(self.server)['status']
        self.assertRunsOn(self.server, 'host-2', '81', '81')
        self.assertEqual('completed', found)
        self.add_row(fault, found)

    def add_row(self, fault: str, status: str) -> None:
        host = self.host_of(self.server)
        self.table.append(f'{fault:45} {status:10} all devices on {host}')

    def abort(self) -> None:
        self.abort_when('running', self.server)

    def test_preparation_fails(self) -> None:
        self.inject_faults(prepare_fails=True)
        self.start_migration(self.server)
        # The migration fails before it is undone.
        self.wait_until(
            lambda: (
                [each['status'] for each in self.migrations(self.server)]
                == ['failed']
            )
        )
        steps = self.steps(self.server)
        self.assertUndone('destination fails before the detach', 'failed')
        self.assertNotIn('detach', dict(steps[-2:]))
        # Claimed devices are reported as free at once.
        self.inject_faults()
        self.assertEqual('completed', self.migrate(self.server)['status'])

    def test_guest_is_unresponsive(self) -> None:
        self.inject_faults(release_delay={HOST_1[1]: 'never'}, timeout=0.2)
        self.start_migration(self.server)
        self.assertUndone('guest does not release a device', 'cancelled')
        self.assertEqual(
            'Error', self.events(self.server)['compute_detach_pci']
        )

    def test_guest_releases_after_the_timeout(self) -> None:
        # The late release is processed before the device is attached again.
        self.inject_faults(
            release_delay={HOST_1[1]: 5}, timeout=0.3, busy=[HOST_1[1]]
        )
        self.start_migration(self.server)
        self.migration(self.server)
        self.wait_until(
            lambda: self.domains(self.server) == {'host-1': HOST_1[:1]}
        )
        self.inject_faults()
        self.assertUndone(
            'guest releases after the detach timed out', 'cancelled'
        )

    def test_abort_while_detaching(self) -> None:
        self.inject_faults(
            release_delay=dict(zip(HOST_1, (1, 15), strict=True)), timeout=20
        )
        self.start_migration(self.server)
        self.abort()
        self.assertUndone('aborted between two devices', 'cancelled')

    def test_abort_while_transferring(self) -> None:
        self.inject_faults(transfer_delay=60, abort_delay=0.5)
        self.start_migration(self.server)
        self.abort_transfer(self.server)
        self.assertUndone('aborted in the transfer', 'cancelled')

    def test_transfer_fails(self) -> None:
        self.inject_faults(transfer_fails=True)
        self.start_migration(self.server)
        self.assertUndone('transfer fails', 'failed')

    def test_transfer_fails_and_a_device_is_busy(self) -> None:
        self.inject_faults(transfer_fails=True, busy=HOST_1[:1])
        self.start_migration(self.server)
        self.wait_until(lambda: 'retrying' in self.device_states(self.server))
        self.inject_faults()
        self.assertUndone('transfer fails, a device is busy', 'failed')

    def test_retries_a_busy_device(self) -> None:
        self.inject_faults(busy=HOST_2[:1])
        self.start_migration(self.server)
        self.wait_until(lambda: 'retrying' in self.device_states(self.server))
        self.inject_faults()
        self.assertMigrated('a device of the destination is busy')
        self.wait_until(
            lambda: (
                self.events(self.server).get('compute_reattach_pci')
                == 'Success'
            )
        )

    def test_reattaches_on_request(self) -> None:
        self.inject_faults(busy=HOST_2[:1])
        self.start_migration(self.server)
        self.wait_until(lambda: 'failed' in self.device_states(self.server))
        shown = self.wait_until_idle(self.server)
        self.assertEqual('ACTIVE', shown['status'])
        self.assertEqual({'host-2': HOST_2[1:]}, self.domains(self.server))
        self.assertEqual(
            [('host-2', address) for address in HOST_2],
            self.devices_in_use(self.server),
        )
        [failed] = [
            device
            for device in self.listed_devices(self.server)
            if device['state'] == 'failed'
        ]
        self.assertEqual(HOST_2[0], failed['address'])
        self.assertIn('in use', failed['last_error'])
        self.wait_until(
            lambda: (
                self.events(self.server).get('compute_reattach_pci') == 'Error'
            )
        )
        self.assertRefused(
            'in use', *('server', 'pci', 'reattach', '--wait', self.server)
        )
        self.inject_faults()
        self.shell.run('server', 'pci', 'reattach', '--wait', self.server)
        self.assertMigrated('a device is busy until the reattach')
        self.assertRefused(
            'is to be reattached', *('server', 'pci', 'reattach', self.server)
        )

    def test_nova_compute_is_killed(self) -> None:
        self.inject_faults(transfer_delay=60)
        self.start_migration(self.server)
        self.wait_until(lambda: self.domains(self.server) == {'host-1': []})
        self.inject_faults()
        self.cloud.kill_and_start()
        self.assertRunsOn(self.server, 'host-1', '01', '01')
        self.add_row('nova-compute is killed in the transfer', 'none')


class TestQueue(live_migrations.LiveMigrationTestCase):
    """Two servers; the migration of one waits for that of the other."""

    HOSTS = {'host-1': [HOTPLUG], 'host-2': [ELSEWHERE]}
    LIVE_MIGRATION = {'0001': 'hotplug'}
    MORE_CONFIG = """
max_concurrent_live_migrations = 1
# The periodic tasks must not run during the test.
update_resources_interval = 600
"""

    def test_aborts_a_queued_migration(self) -> None:
        flavor = self.create_flavor('1:p0001')
        first, second = [self.create_on('host-1', flavor) for _ in range(2)]
        for server in first, second:
            self.wait_for(server, 'ACTIVE')
        self.inject_faults(transfer_delay=60)
        self.start_migration(first)
        self.wait_until(lambda: self.domains(first) == {'host-1': []})
        self.start_migration(second)
        # Nova can abort a queued migration only after this event.
        self.wait_until(
            lambda: (
                self.events(second).get('compute_live_migration') == 'Success'
            )
        )
        self.abort_when('queued', second)
        self.assertEqual('cancelled', self.migration(second)['status'])
        self.assertRunsOn(second, 'host-1', '01')
        self.abort_when('running', first)
        self.assertRunsOn(first, 'host-1', '01')
        self.inject_faults()
        self.assertEqual('completed', self.migrate(second)['status'])
        self.assertRunsOn(second, 'host-2', '81')

    def test_recovers_a_queued_migration(self) -> None:
        flavor = self.create_flavor('1:p0001')
        servers = [self.create_on('host-1', flavor) for _ in range(2)]
        for server in servers:
            self.wait_for(server, 'ACTIVE')
        first, second = servers
        self.inject_faults(transfer_delay=60)
        self.start_migration(first)
        self.wait_until(lambda: self.domains(first) == {'host-1': []})
        self.start_migration(second)
        self.wait_until(lambda: len(self.devices_in_use(second)) == 2)
        self.inject_faults()
        self.cloud.kill_and_start()
        for server in servers:
            self.assertRunsOn(server, 'host-1', '01')


class TestManyAtOnce(live_migrations.LiveMigrationTestCase):
    """Ten servers between two hosts with two spare devices each."""

    SERVERS = 10
    LIVE_MIGRATION = {'0001': 'hotplug'}
    HOSTS = {
        f'host-{number}': [
            HOTPLUG
            | {'address': [f'0000:{number}{slot}:00.0' for slot in range(7)]}
        ]
        for number in (1, 2)
    }

    def test_migrates_all_servers(self) -> None:
        flavor = self.create_flavor('1:p0001')
        servers = [
            self.create_on(f'host-{1 + number % 2}', flavor)
            for number in range(self.SERVERS)
        ]
        for server in servers:
            self.wait_for(server, 'ACTIVE')
        to_move = {server: self.host_of(server) for server in servers}
        for _ in range(2 * self.SERVERS):
            for server in to_move:
                self.assertEqual(202, self.start_migration(server).status)
            for server in servers:
                self.migration(server)
                self.wait_until_idle(server)
            self.assertOneDeviceEach(servers)
            to_move = {
                server: host
                for server, host in to_move.items()
                if self.host_of(server) == host
            }
            if not to_move:
                break
        self.assertEqual({}, to_move)

    def assertOneDeviceEach(self, servers: list[str]) -> None:
        """Check that each server has one device, different from the others."""
        self.wait_until(lambda: len(self.devices_in_use()) == len(servers))
        in_domains = []
        for server in servers:
            shown = self.show(server)
            self.assertEqual('ACTIVE', shown['status'])
            domains = self.domains(server)
            self.assertEqual([shown['OS-EXT-SRV-ATTR:host']], list(domains))
            [[address]] = domains.values()
            in_domains.append((shown['OS-EXT-SRV-ATTR:host'], address))
        self.assertEqual(self.devices_in_use(), sorted(in_domains))
