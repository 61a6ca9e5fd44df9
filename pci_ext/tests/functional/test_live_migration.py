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

"""Live migration that attaches equivalent devices on the new host."""

from pci_ext.tests import tags
from pci_ext.tests.functional import live_migrations

HOTPLUG = {
    'kind': 'gpu',
    'vendor_id': '8086',
    'product_id': '0001',
    'address': ['0000:01:00.0', '0000:01:00.1'],
}
FORBID = HOTPLUG | {'product_id': '0002', 'address': '0000:02:00.0'}
NATIVE = HOTPLUG | {'product_id': '0003', 'address': '0000:03:00.0'}
#: The same cards on another host, at other addresses.
ELSEWHERE = [
    HOTPLUG | {'address': ['0000:81:00.0', '0000:81:00.1']},
    FORBID | {'address': '0000:82:00.0'},
    NATIVE | {'address': '0000:83:00.0'},
]


@tags.tag(tags.NOVA33_SHORT)
class TestLiveMigration(live_migrations.LiveMigrationTestCase):
    HOSTS = {'host-1': [HOTPLUG, FORBID, NATIVE], 'host-2': ELSEWHERE}

    def boot_on(self, host: str, value: str) -> str:
        """Boot a server, and migrate it unless it is on a host."""
        server = self.boot(value)
        if self.host_of(server) != host:
            self.assertEqual('completed', self.migrate(server)['status'])
        return server

    def test_refuses_a_forbidden_migration(self) -> None:
        server = self.boot('1:p0001;1:p0002')
        before = self.domains(server)
        response = self.start_migration(server)
        self.assertEqual(409, response.status, response.data)
        self.assertIn(b'PCI flavor p0002', response.data)
        self.assertNotIn(b'p0001', response.data)
        self.assertEqual([], self.migrations(server))
        self.assertEqual(before, self.domains(server))

    def test_hotplug_replaces_the_devices(self) -> None:
        server = self.boot_on('host-1', '2:p0001')
        count_before = len(self.steps(server))
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertRunsOn(server, 'host-2', '81', '81')
        self.assertEqual(
            [
                # At the claim, and at the start of the migration.
                ('claim', '0000:81:00.0, 0000:81:00.1'),
                ('claim', '0000:81:00.0, 0000:81:00.1'),
                ('detach', '0000:01:00.0'),
                ('detach', '0000:01:00.1'),
                ('run', 'started'),
                ('attach', '0000:81:00.0'),
                ('attach', '0000:81:00.1'),
            ],
            self.steps(server)[count_before:],
        )

    def test_native_migration_detaches_no_devices(self) -> None:
        server = self.boot_on('host-1', '1:p0003')
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertRunsOn(server, 'host-2', '83')
        self.assertNotIn('detach', dict(self.steps(server)))

    def test_applies_the_policy_of_each_device(self) -> None:
        server = self.boot_on('host-1', '1:p0001;1:p0003')
        count_before = len(self.steps(server))
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertRunsOn(server, 'host-2', '81', '83')
        [address] = [
            address
            for step, address in self.steps(server)[count_before:]
            if step == 'detach'
        ]
        self.assertIn('0000:01:', address)

    def test_migrates_hot_attached_devices(self) -> None:
        server = self.boot_on('host-1', '1:p0003')
        self.add_pci(server, '1:p0001')
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertRunsOn(server, 'host-2', '81', '83')
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertRunsOn(server, 'host-1', '01', '03')

    def test_fails_without_a_free_device(self) -> None:
        server = self.boot_on('host-1', '2:p0001')
        other = self.boot('1:p0001')
        self.assertEqual('host-2', self.host_of(other))
        steps = self.steps(server)
        self.assertEqual('error', self.migrate(server)['status'])
        self.assertRunsOn(server, 'host-1', '01', '01')
        self.assertEqual(steps, self.steps(server))

    def test_shows_devices_detached_during_the_transfer(self) -> None:
        server = self.boot_on('host-1', '1:p0001')
        self.inject_faults(transfer_delay=60)
        self.start_migration(server)
        # The state is set before the device is detached.
        self.wait_until(lambda: self.domains(server) == {'host-1': []})
        self.assertEqual({'detached'}, self.device_states(server))
        self.abort_transfer(server)
        self.migration(server)
        self.assertRunsOn(server, 'host-1', '01')

    def test_shows_the_migration_plan(self) -> None:
        server = self.boot_on('host-1', '1:p0001;1:p0003')
        other = self.boot('1:p0003')
        command = ('server', 'pci', 'migration', 'plan', server)
        self.wait_until(
            lambda: '1:p0003' not in self.available(command)['host-2']
        )
        plan = self.openstack(*command, '--host', 'host-2')
        self.assertEqual('host-1', plan['host'])
        self.assertIsNone(plan['reason'])
        self.assertEqual(['0000:03:00.0'], plan['migrated'])
        self.assertEqual(1, len(plan['detached']))
        self.assertEqual(['host-2'], list(plan['available']))
        self.delete_server(other)
        self.wait_until(
            lambda: self.available(command) == {'host-2': '1:p0001, 1:p0003'}
        )

    def available(self, command: tuple[str, ...]) -> dict[str, str]:
        return dict(self.openstack(*command)['available'])
