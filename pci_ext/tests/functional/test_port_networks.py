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
"""A network for each port, as proposed in 2014, and failover ports."""

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
        """Return the networks on the host and the device in each."""
        if not os.path.exists(self.path()):
            return {}
        with open(self.path(), encoding='utf-8') as stream:
            return dict(json.load(stream))

    def test_one_network_a_port_with_its_device(self) -> None:
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

    def test_a_port_that_is_attached(self) -> None:
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

    def test_what_was_left_behind_is_swept(self) -> None:
        port = self.create_port(self.red)
        server = self.boot_with({'port': port, 'pci_flavor': 'IntelVF'})
        kept = {f'pci-ext-{server}-{port}': self.ports_of(server)[port]}
        self.assertEqual(kept, self.networks())
        assert self.allinone.process is not None
        self.allinone.process.kill()
        self.allinone.stop()
        # As if it had been killed between making it and the guest's start.
        left = {f'pci-ext-{port}-{server}': '0000:3b:02.0', **kept}
        with open(self.path(), 'w', encoding='utf-8') as stream:
            json.dump(left, stream)
        self.allinone.start()
        deadline = time.monotonic() + base.SERVER_TIMEOUT
        while self.networks() != kept:
            self.assertLess(
                time.monotonic(), deadline, (kept, self.networks())
            )
            time.sleep(0.1)

    def test_a_port_that_stands_in(self) -> None:
        image = self.openstack(
            *('image', 'create', '--property', 'hw_pci_teaming=true'),
            self.unique('image'),
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
