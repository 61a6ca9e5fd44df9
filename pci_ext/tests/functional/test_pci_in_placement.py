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

"""PCI flavors beside PCI in Placement, which chooses devices by alias."""

from concurrent import futures
from typing import ClassVar
from unittest import mock

from pci_ext.tests.functional import fault_injection
from pci_ext.tests.functional import lifecycle
from pci_ext.tests.functional import live_migrations
from pci_ext.tests.functional import process
from pci_ext.tests.functional import test_attach
from pci_ext.tests.functional import test_live_migration
from pci_ext.tests.functional import test_placement
from pci_ext.tests.functional import two_schedulers

IN_PLACEMENT = """
alias = {"vendor_id": "8086", "product_id": "0001", "name": "o1", \
"device_type": "type-PCI"}
report_in_placement = true

[filter_scheduler]
pci_in_placement = true
"""

CLIENTS = 20


class Beside(test_placement.Reported, fault_injection.FaultInjectionTestCase):
    MORE_CONFIG: ClassVar[str] = IN_PLACEMENT + test_placement.SCANS

    def create_mixed_flavor(self, pci_flavor: str, alias: str) -> str:
        """Create a flavor with devices by PCI flavor and by alias."""
        name = self.create_flavor(pci_flavor)
        self.shell.run(
            *('flavor', 'set', name),
            *('--property', f'{test_attach.ALIAS}={alias}'),
        )
        return name

    def boot_flavor(self, flavor: str) -> str:
        server = self.create_server(flavor)
        self.wait_for(server, 'ACTIVE')
        return server

    def boot_by_alias(self, value: str = 'o1:1') -> str:
        return self.boot_flavor(self.create_flavor(value, test_attach.ALIAS))

    def assertAgreed(self, *servers: str) -> None:
        """Check that Placement, records and domains have the same devices.

        :param servers: all servers that have devices
        """
        self.assertReported()
        reported = self.reported()
        addresses = [address for address, _server in reported]
        self.assertEqual(sorted({*addresses}), addresses)
        self.assertEqual({*servers}, {server for _, server in reported})
        for server in servers:
            self.assertEqual(
                self.devices_in_guest(server),
                [address for address, each in reported if each == server],
            )

    def devices_in_guest(self, server: str) -> list[str]:
        return sorted(
            address.upper()
            for address in self.guests(self.host_of(server))[server]
        )


class TestBeside(Beside, lifecycle.LifecycleTestCase):
    """Two hosts, each with two of the PCI flavor one and the alias o1."""

    def test_they_share_devices(self) -> None:
        either = self.create_flavor('1:one,two')
        alias = self.create_flavor('o1:1', test_attach.ALIAS)
        servers = [
            self.boot_flavor(flavor)
            for flavor in (alias, either, alias, either, either, either)
        ]
        self.assertAgreed(*servers)
        for flavor in (alias, either):
            refused = self.create_server(flavor)
            self.wait_for(refused, 'ERROR')
        # Each kind takes the device of the other.
        for freed, flavor in ((0, either), (1, alias)):
            self.delete_and_free(servers[freed])
            servers[freed] = self.boot_flavor(flavor)
            self.assertAgreed(*servers)
        self.assertNoFailedScan()

    def test_both_in_one_server(self) -> None:
        flavor = self.create_mixed_flavor('1:one,two', 'o1:1')
        servers = [self.boot_flavor(flavor) for _ in range(2)]
        self.assertEqual(
            {*self.DOMAINS}, {self.host_of(each) for each in servers}
        )
        self.assertAgreed(*servers)
        self.assertEqual(4, len(self.reported()))
        self.delete_and_free(servers[0])
        self.migrate(servers[1])
        self.assertReported()
        self.assertEqual(4, len(self.reported()))
        self.revert(servers[1])
        self.assertAgreed(servers[1])
        self.migrate(servers[1])
        self.confirm(servers[1])
        self.assertAgreed(servers[1])
        self.resize(servers[1], self.create_mixed_flavor('1:two', 'o1:2'))
        self.confirm(servers[1])
        self.assertAgreed(servers[1])
        self.assertEqual(3, len(self.reported()))
        self.assertNoFailedScan()

    def test_attach_and_detach_beside_aliases(self) -> None:
        server = self.boot_and_attach()
        by_alias = [self.boot_by_alias() for _ in range(3)]
        self.assertAgreed(server, *by_alias)
        # All devices of the host are taken.
        self.assertRefusal(
            409,
            'does not have 1 free PCI device',
            *(server, 'attach_pci', {test_attach.PCI_FLAVOR: '1:one'}),
        )
        domain = self.DOMAINS[self.host_of(server)]
        [one] = {*self.devices(server)} & {
            each.format(domain) for each in lifecycle.ONES
        }
        self.assertEqual('Success', self.detach(server, one))
        by_alias.append(self.boot_by_alias())
        self.assertAgreed(server, *by_alias)
        self.assertNoFailedScan()


class TestBesideLiveMigration(Beside, live_migrations.LiveMigrationTestCase):
    MORE_CONFIG = '\n[pci]' + IN_PLACEMENT
    HOSTS = test_live_migration.TestLiveMigration.HOSTS

    def test_live_migration(self) -> None:
        server = self.boot('2:p0001,p0002')
        self.assertAgreed(server)
        self.assertEqual('completed', self.migrate(server)['status'])
        self.assertAgreed(server)
        self.assertEqual(2, len(self.reported()))
        self.assertNoFailedScan()


class TestManyBeside(Beside, test_attach.AttachTestCase):
    """One host with 16 devices, and two schedulers."""

    HOSTS = {
        'host-1': [test_attach.GPU_1 | {'address': list(test_placement.ONES)}]
    }

    @classmethod
    def setUpClass(cls) -> None:
        with mock.patch.object(
            process.AllInOne, 'MODULE', two_schedulers.__name__
        ):
            super().setUpClass()

    def test_many_clients(self) -> None:
        schedulers = [
            each['Host']
            for each in self.openstack('compute', 'service', 'list')
            if (each['Binary'], each['State']) == ('nova-scheduler', 'up')
        ]
        self.assertEqual(['controller', 'controller-2'], sorted(schedulers))
        by_alias = self.flavor_id(
            self.create_flavor('o1:1', test_attach.ALIAS)
        )
        by_flavor = self.flavor_id(self.create_flavor('1:two,one'))
        with futures.ThreadPoolExecutor(CLIENTS) as pool:
            created = list(
                pool.map(self.post, [by_alias, by_flavor] * (CLIENTS // 2))
            )
        statuses = {each: self.wait_while_building(each) for each in created}
        active = [each for each in created if statuses[each] == 'ACTIVE']
        self.assertTrue(active)
        self.assertAgreed(*active)

        # Servers boot while others are deleted.
        for server in active[:8]:
            self.delete_and_free(server)
        with futures.ThreadPoolExecutor(CLIENTS) as pool:
            deleted = [
                pool.submit(self.delete_and_free, each) for each in active[8:]
            ]
            created = list(pool.map(self.post, [by_flavor] * 8))
            for each in created:
                self.assertEqual('ACTIVE', self.wait_while_building(each))
            for each in deleted:
                each.result()
        self.assertAgreed(*created)

        # No device is lost.
        created += [self.post(by_flavor) for _ in range(8)]
        for each in created:
            self.assertEqual('ACTIVE', self.wait_while_building(each))
        self.assertAgreed(*created)
        self.assertNoFailedScan()
