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
"""A libvirt network for each port, as proposed in 2014; failover ports."""

import json
import os
import time

from pci_ext.tests.functional import base
from pci_ext.tests.functional import test_ports


class TestPortNetworks(test_ports.PortsTestCase):
    CONFIG = test_ports.PortsTestCase.CONFIG + 'port_plug = network\n'

    def path(self) -> str:
        return os.path.join(
            self.allinone.data_dir, 'computes', 'host-1', 'networks.json'
        )

    def networks(self) -> dict[str, str]:
        """Return the address of the device of each network of the host."""
        if not os.path.exists(self.path()):
            return {}
        with open(self.path(), encoding='utf-8') as stream:
            return dict(json.load(stream))

    def test_creates_a_network_for_each_port(self) -> None:
        ports = [self.create_port(self.red) for _ in range(2)]
        server = self.boot_with(
            *({'port': port, 'pci_flavor': 'IntelVF'} for port in ports)
        )
        devices = self.ports_of(server)
        self.assertEqual(
            {f'pci-ext-{server}-{port}': devices[port] for port in ports},
            self.networks(),
        )
        self.delete_server(server)
        self.assertEqual({}, self.networks())

    def test_creates_a_network_for_an_attached_port(self) -> None:
        server = self.boot_with(
            {'port': self.create_port(self.red), 'pci_flavor': 'IntelVF'}
        )
        before = self.networks()
        port = self.create_port(self.red, profile={'pci_flavor': 'IntelVF'})
        self.shell.run('server', 'add', 'port', server, port)
        self.assertEqual(
            {
                f'pci-ext-{server}-{port}': self.ports_of(server)[port],
                **before,
            },
            self.networks(),
        )
        self.shell.run('server', 'remove', 'port', server, port)
        self.wait_until(lambda: self.networks() == before)

    def test_removes_leftover_networks(self) -> None:
        port = self.create_port(self.red)
        server = self.boot_with({'port': port, 'pci_flavor': 'IntelVF'})
        expected = {f'pci-ext-{server}-{port}': self.ports_of(server)[port]}
        self.assertEqual(expected, self.networks())
        assert self.allinone.process is not None
        self.allinone.process.kill()
        self.allinone.stop()
        # As after a kill between the creation of the network and the guest.
        leftover = {f'pci-ext-{port}-{server}': '0000:3b:02.0'}
        with open(self.path(), 'w', encoding='utf-8') as stream:
            json.dump(leftover | expected, stream)
        self.allinone.start()
        deadline = time.monotonic() + base.SERVER_TIMEOUT
        while self.networks() != expected:
            self.assertLess(
                time.monotonic(), deadline, (expected, self.networks())
            )
            time.sleep(0.1)

    def test_shows_the_failover_port(self) -> None:
        image = self.openstack(
            *('image', 'create', '--property', 'hw_pci_teaming=true'),
            self.unique_name('image'),
        )['id']
        self.addCleanup(self.shell.run, 'image', 'delete', image)
        mac = {'mac_address': 'fa:16:3e:00:00:07'}
        virtual = self.create_network('red', 44)
        standby = self.create_port(virtual, vnic_type='normal', **mac)
        port = self.create_port(self.red, **mac)
        alone = self.create_port(self.red)
        server = self.boot_with(
            {'port': standby},
            {'port': port, 'pci_flavor': 'IntelVF'},
            {'port': alone, 'pci_flavor': 'IntelVF'},
            image=image,
        )
        rows = self.openstack('server', 'pci', 'list', '--long', server)
        self.assertEqual(
            {port: standby, alone: None},
            {row['Port ID']: row['Failover Port ID'] for row in rows},
        )
