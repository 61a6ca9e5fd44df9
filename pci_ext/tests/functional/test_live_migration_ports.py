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

"""Live migration of servers with SR-IOV ports."""

from pci_ext.tests.functional import live_migrations
from pci_ext.tests.functional import test_live_migration
from pci_ext.tests.functional import test_ports

#: A card with VFs, and the same at another address, for the other host.
CARD = test_ports.MELLANOX
CARD_ELSEWHERE = CARD | {'address': '0000:de:00.0'}


class TestPorts(
    live_migrations.LiveMigrationTestCase, test_ports.PortsTestCase
):
    HOSTS = {
        'host-1': [test_live_migration.HOTPLUG, CARD],
        'host-2': [*test_live_migration.ELSEWHERE, CARD_ELSEWHERE],
    }
    MORE_CONFIG = """
[pci_ext]
pci_information = [{"product_id": "154c"}, {"e.physical_network": "red"}]
pci_flavor_attrs = product_id, vendor_id, dev_type, e.physical_network
"""

    def setUp(self) -> None:
        super().setUp()
        self.flavor = self.create_flavor('1:p0001')
        self.ports = [self.create_port(self.red) for _ in range(2)]

    def boot_on_first_host(self) -> str:
        server = self.boot_with(
            *({'port': port, 'pci_flavor': 'AnyVF'} for port in self.ports)
        )
        if self.host_of(server) != 'host-1':
            self.assertEqual('completed', self.migrate(server)['status'])
        self.assertHasPortsAndDevices(server, 'host-1', '01', '5e')
        return server

    def assertHasPortsAndDevices(
        self, server: str, host: str, device_bus: str, port_bus: str
    ) -> None:
        """Check that a server runs on a host with its ports and devices."""
        self.assertRunsOn(server, host, device_bus, port_bus, port_bus)
        devices = self.ports_of(server)
        for port in self.ports:
            shown = self.port(port)
            self.assertEqual(host, shown['binding:host_id'])
            self.assertEqual(
                devices[port], shown['binding:profile']['pci_slot']
            )

    def test_migrates_ports_and_devices(self) -> None:
        server = self.boot_on_first_host()
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertHasPortsAndDevices(server, 'host-2', '81', 'de')
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertHasPortsAndDevices(server, 'host-1', '01', '5e')

    def test_failed_transfer_leaves_the_ports(self) -> None:
        server = self.boot_on_first_host()
        before = self.ports_of(server)
        self.inject_faults(transfer_fails=True)
        self.assertEqual('failed', self.migrate(server)['status'])
        self.assertHasPortsAndDevices(server, 'host-1', '01', '5e')
        self.assertEqual(before, self.ports_of(server))
        self.inject_faults()
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertHasPortsAndDevices(server, 'host-2', '81', 'de')

    def test_shows_the_migration_plan(self) -> None:
        server = self.boot_on_first_host()
        plan = self.openstack('server', 'pci', 'migration', 'plan', server)
        self.assertIsNone(plan['reason'])
        self.assertEqual(1, len(plan['detached']))
