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
#: The same on another host, at other addresses.
ELSEWHERE = [
    HOTPLUG | {'address': ['0000:81:00.0', '0000:81:00.1']},
    FORBID | {'address': '0000:82:00.0'},
    NATIVE | {'address': '0000:83:00.0'},
]


@tags.tag(tags.NOVA33_SHORT)
class TestLiveMigration(live_migrations.LiveMigrationTestCase):
    HOSTS = {'host-1': [HOTPLUG, FORBID, NATIVE], 'host-2': ELSEWHERE}

    def boot_on(self, host: str, value: str) -> str:
        """Boot a server, and move it away if it is elsewhere."""
        server = self.boot(value)
        if self.host_of(server) != host:
            self.assertEqual('completed', self.migrate(server)['status'])
        return server

    def test_forbid(self) -> None:
        server = self.boot('1:p0001;1:p0002')
        before = self.domains(server)
        response = self.begin(server)
        self.assertEqual(409, response.status, response.data)
        self.assertIn(b'PCI flavor p0002', response.data)
        self.assertNotIn(b'p0001', response.data)
        self.assertEqual([], self.migrations(server))
        self.assertEqual(before, self.domains(server))

    def test_hotplug(self) -> None:
        server = self.boot_on('host-1', '2:p0001')
        already = len(self.steps(server))
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertWhole(server, 'host-2', '81', '81')
        self.assertEqual(
            [
                # When it is claimed, and when the migration begins.
                ('claim', '0000:81:00.0, 0000:81:00.1'),
                ('claim', '0000:81:00.0, 0000:81:00.1'),
                ('detach', '0000:01:00.0'),
                ('detach', '0000:01:00.1'),
                ('run', 'started'),
                ('attach', '0000:81:00.0'),
                ('attach', '0000:81:00.1'),
            ],
            self.steps(server)[already:],
        )

    def test_native(self) -> None:
        server = self.boot_on('host-1', '1:p0003')
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertWhole(server, 'host-2', '83')
        self.assertNotIn('detach', dict(self.steps(server)))

    def test_each_device_by_its_own_policy(self) -> None:
        server = self.boot_on('host-1', '1:p0001;1:p0003')
        already = len(self.steps(server))
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertWhole(server, 'host-2', '81', '83')
        [address] = [
            address
            for step, address in self.steps(server)[already:]
            if step == 'detach'
        ]
        self.assertIn('0000:01:', address)

    def test_hot_attached(self) -> None:
        server = self.boot_on('host-1', '1:p0003')
        self.add(server, '1:p0001')
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertWhole(server, 'host-2', '81', '83')
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertWhole(server, 'host-1', '01', '03')

    def test_no_device_left(self) -> None:
        server = self.boot_on('host-1', '2:p0001')
        other = self.boot('1:p0001')
        self.assertEqual('host-2', self.host_of(other))
        steps = self.steps(server)
        self.assertEqual('error', self.migrate(server)['status'])
        self.assertWhole(server, 'host-1', '01', '01')
        self.assertEqual(steps, self.steps(server))

    def test_state_in_the_meantime(self) -> None:
        server = self.boot_on('host-1', '1:p0001')
        self.inject_faults(transfer_delay=60)
        self.begin(server)
        # Its state says so before it is taken out.
        self.wait_until(lambda: self.domains(server) == {'host-1': []})
        self.assertEqual({'detached'}, self.states(server))
        self.abort_transfer(server)
        self.migration(server)
        self.assertWhole(server, 'host-1', '01')

    def test_plan(self) -> None:
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
