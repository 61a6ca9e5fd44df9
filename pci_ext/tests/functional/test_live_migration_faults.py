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

"""Live migrations that fail or are aborted at any step, and many at once."""

from typing import ClassVar

from pci_ext.tests.functional import live_migrations
from pci_ext.tests.functional import test_live_migration

HOTPLUG = test_live_migration.HOTPLUG
ELSEWHERE = HOTPLUG | {'address': ['0000:81:00.0', '0000:81:00.1']}

HOST_1 = ['0000:01:00.0', '0000:01:00.1']
HOST_2 = ['0000:81:00.0', '0000:81:00.1']


class FaultsTestCase(live_migrations.LiveMigrationTestCase):
    """A server with both devices of a host; the other host has as many."""

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
            lambda: {host for host, _ in self.in_use()} == {'host-1'}
        )

    def stays(self, fault: str, status: str) -> None:
        """Check that the server is as if there had been no migration."""
        found = self.migration(self.server)['status']
        self.assertWhole(self.server, 'host-1', '01', '01')
        self.assertEqual(status, found)
        self.note(fault, found)

    def goes(self, fault: str) -> None:
        """Check that the server is on the other host with all devices."""
        found = self.migration(self.server)['status']
        self.assertWhole(self.server, 'host-2', '81', '81')
        self.assertEqual('completed', found)
        self.note(fault, found)

    def note(self, fault: str, status: str) -> None:
        host = self.host_of(self.server)
        self.table.append(f'{fault:45} {status:10} all devices on {host}')

    def abort(self) -> None:
        self.abort_when('running', self.server)

    def test_destination_not_prepared(self) -> None:
        self.inject_faults(prepare_fails=True)
        self.begin(self.server)
        # In error until all is undone.
        self.wait_until(
            lambda: (
                [each['status'] for each in self.migrations(self.server)]
                == ['failed']
            )
        )
        steps = self.steps(self.server)
        self.stays('destination fails before the detach', 'failed')
        self.assertNotIn('detach', dict(steps[-2:]))
        # Claimed devices are reported as free at once.
        self.inject_faults()
        self.assertEqual('completed', self.migrate(self.server)['status'])

    def test_unresponsive(self) -> None:
        self.inject_faults(release_delay={HOST_1[1]: 'never'}, timeout=0.2)
        self.begin(self.server)
        self.stays('guest keeps the second device', 'cancelled')
        self.assertEqual(
            'Error', self.events(self.server)['compute_detach_pci']
        )

    def test_late(self) -> None:
        # Out of the guest, it is not attached again before that was seen.
        self.inject_faults(
            release_delay={HOST_1[1]: 5}, timeout=0.3, busy=[HOST_1[1]]
        )
        self.begin(self.server)
        self.migration(self.server)
        self.wait_until(
            lambda: self.domains(self.server) == {'host-1': HOST_1[:1]}
        )
        self.inject_faults()
        self.stays('guest releases after the detach timed out', 'cancelled')

    def test_abort_while_detaching(self) -> None:
        self.inject_faults(
            release_delay=dict(zip(HOST_1, (1, 15), strict=True)), timeout=20
        )
        self.begin(self.server)
        self.abort()
        self.stays('aborted between two devices', 'cancelled')

    def test_abort_while_transferring(self) -> None:
        self.inject_faults(transfer_delay=60, abort_delay=0.5)
        self.begin(self.server)
        self.abort_transfer(self.server)
        self.stays('aborted in the transfer', 'cancelled')

    def test_transfer_fails(self) -> None:
        self.inject_faults(transfer_fails=True)
        self.begin(self.server)
        self.stays('transfer fails', 'failed')

    def test_transfer_fails_and_a_device_is_busy(self) -> None:
        self.inject_faults(transfer_fails=True, busy=HOST_1[:1])
        self.begin(self.server)
        self.wait_until(lambda: 'retrying' in self.states(self.server))
        self.inject_faults()
        self.stays('transfer fails, a device is busy for a while', 'failed')

    def test_busy_for_a_while(self) -> None:
        self.inject_faults(busy=HOST_2[:1])
        self.begin(self.server)
        self.wait_until(lambda: 'retrying' in self.states(self.server))
        self.inject_faults()
        self.goes('a device there is busy for a while')
        self.wait_until(
            lambda: (
                self.events(self.server).get('compute_reattach_pci')
                == 'Success'
            )
        )

    def test_busy_for_good(self) -> None:
        self.inject_faults(busy=HOST_2[:1])
        self.begin(self.server)
        self.wait_until(lambda: 'failed' in self.states(self.server))
        shown = self.wait_until_idle(self.server)
        self.assertEqual('ACTIVE', shown['status'])
        self.assertEqual({'host-2': HOST_2[1:]}, self.domains(self.server))
        self.assertEqual(
            [('host-2', address) for address in HOST_2],
            self.in_use(self.server),
        )
        [lacking] = [
            device
            for device in self.listed(self.server)
            if device['state'] == 'failed'
        ]
        self.assertEqual(HOST_2[0], lacking['address'])
        self.assertIn('in use', lacking['last_error'])
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
        self.goes('a device there is busy until it is asked for')
        self.assertRefused(
            'is to be reattached', *('server', 'pci', 'reattach', self.server)
        )

    def test_killed(self) -> None:
        self.inject_faults(transfer_delay=60)
        self.begin(self.server)
        self.wait_until(lambda: self.domains(self.server) == {'host-1': []})
        self.inject_faults()
        self.cloud.kill_and_start()
        self.assertWhole(self.server, 'host-1', '01', '01')
        self.note('nova-compute is killed in the transfer', 'none')


class TestQueue(live_migrations.LiveMigrationTestCase):
    """Two servers, of which one waits for the other to be migrated."""

    HOSTS = {'host-1': [HOTPLUG], 'host-2': [ELSEWHERE]}
    LIVE_MIGRATION = {'0001': 'hotplug'}
    MORE_CONFIG = """
max_concurrent_live_migrations = 1
# Nothing here is to be left to a scan.
update_resources_interval = 600
"""

    def test_aborted_while_it_waits(self) -> None:
        flavor = self.create_flavor('1:p0001')
        first, second = [self.create_on('host-1', flavor) for _ in range(2)]
        for server in first, second:
            self.wait_for(server, 'ACTIVE')
        self.inject_faults(transfer_delay=60)
        self.begin(first)
        self.wait_until(lambda: self.domains(first) == {'host-1': []})
        self.begin(second)
        # Nova finds it among those that wait only after this.
        self.wait_until(
            lambda: (
                self.events(second).get('compute_live_migration') == 'Success'
            )
        )
        self.abort_when('queued', second)
        self.assertEqual('cancelled', self.migration(second)['status'])
        self.assertWhole(second, 'host-1', '01')
        self.abort_when('running', first)
        self.assertWhole(first, 'host-1', '01')
        self.inject_faults()
        self.assertEqual('completed', self.migrate(second)['status'])
        self.assertWhole(second, 'host-2', '81')

    def test_killed_while_it_waits(self) -> None:
        flavor = self.create_flavor('1:p0001')
        servers = [self.create_on('host-1', flavor) for _ in range(2)]
        for server in servers:
            self.wait_for(server, 'ACTIVE')
        first, second = servers
        self.inject_faults(transfer_delay=60)
        self.begin(first)
        self.wait_until(lambda: self.domains(first) == {'host-1': []})
        self.begin(second)
        self.wait_until(lambda: len(self.in_use(second)) == 2)
        self.inject_faults()
        self.cloud.kill_and_start()
        for server in servers:
            self.assertWhole(server, 'host-1', '01')


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

    def test_all_move(self) -> None:
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
                self.assertEqual(202, self.begin(server).status)
            for server in servers:
                self.migration(server)
                self.wait_until_idle(server)
            self.check(servers)
            to_move = {
                server: host
                for server, host in to_move.items()
                if self.host_of(server) == host
            }
            if not to_move:
                break
        self.assertEqual({}, to_move)

    def check(self, servers: list[str]) -> None:
        """Check that every server has one device, and not that of another."""
        self.wait_until(lambda: len(self.in_use()) == len(servers))
        held = []
        for server in servers:
            shown = self.show(server)
            self.assertEqual('ACTIVE', shown['status'])
            domains = self.domains(server)
            self.assertEqual([shown['OS-EXT-SRV-ATTR:host']], list(domains))
            [[address]] = domains.values()
            held.append((shown['OS-EXT-SRV-ATTR:host'], address))
        self.assertEqual(self.in_use(), sorted(held))
