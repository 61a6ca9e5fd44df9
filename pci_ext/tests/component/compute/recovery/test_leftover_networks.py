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

import fixtures
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext import server_state
from pci_ext.compute.recovery import periodic_tasks
from pci_ext.tests.component.compute import base
from pci_ext.virt import port_networks
from pci_ext.virt.fake import driver


class SweepTest(base.HostTestCase):
    def make_network(self, server: str, address: str) -> str:
        name = port_networks.name_of(server, uuids.port)
        self.compute.driver._networks.make(name, address)
        return name

    def names(self) -> list[str]:
        return sorted(self.compute.driver.port_networks())

    def test_keeps_a_network_with_a_claim(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        claimed = self.make_network(server, address)
        self.make_network(uuids.gone, '0000:04:00.0')
        self.start()
        self.assertEqual([claimed], self.names())

    def test_removes_a_network_of_an_unclaimed_device(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        [other, *_] = sorted(set(self.ADDRESSES) - {address})
        self.make_network(server, other)
        self.start()
        self.assertEqual([], self.names())

    def test_removes_a_network_that_was_left_since_the_start(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        claimed = self.make_network(server, address)
        self.make_network(uuids.gone, '0000:04:00.0')
        periodic_tasks.run(
            self.compute, self.context, 'remove_leftover_pci_networks'
        )
        self.assertEqual([claimed], self.names())

    def test_failed_removal_does_not_stop_the_others(
        self,
    ) -> None:
        for number, server in enumerate((uuids.one, uuids.two)):
            self.make_network(server, f'0000:0{number}:00.0')
        busy = self.names()[0]

        def remove_port_network(driver: driver.FakeDriver, name: str) -> None:
            if name == busy:
                raise OSError('busy')
            driver._networks.remove(name)

        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.virt.fake.driver.FakeDriver.remove_port_network',
                remove_port_network,
            )
        )
        self.start()
        self.assertEqual([busy], self.names())

    def test_failure_does_not_stop_the_recovery_of_servers(self) -> None:
        server = self.create_server()
        self.acquire(server, server_state.ATTACHING_PCI)
        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.virt.fake.driver.FakeDriver.port_networks', self.fail
            )
        )
        self.start()
        self.assertIsNone(self.instance(server).task_state)
