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

"""Ports that are plugged by a libvirt network each."""

import time
from typing import Any

from lxml import etree

from pci_ext.cmd.allinone import stub_services
from pci_ext.tests.functional import base
from pci_ext.tests.functional import test_ports
from pci_ext.tests.hwlab import cloud
from pci_ext.tests.hwlab import sysfs
from pci_ext.virt import port_networks
from pci_ext.virt.libvirt import network_xml

#: The first host has all NICs.
_HOST = 'lab'


class PortNetworksTest(cloud.TestCase, test_ports.PortsTestCase):
    """Servers with VFs of a NIC."""

    def setUp(self) -> None:
        self.pf = sysfs.pf(sysfs.IGB)
        if self.pf is None:
            self.skipTest('There is no igb: QEMU is older than 8')
        super().setUp()
        self.libvirt = self.connect(_HOST)

    def create_with_ports(self, *ports: str) -> str:
        """Create a server with ports, and return its id."""
        response = self.post_server(
            *({'port': port, 'pci_flavor': 'IntelVF'} for port in ports),
            image=stub_services.IMAGE['id'],
        )
        self.assertEqual(202, response.status, response.data)
        server = str(response.json()['server']['id'])
        self.addCleanup(self.delete_server, server)
        return server

    def networks(self) -> dict[str, Any]:
        """Return the networks of ports on the host, by name."""
        return {
            network.name(): etree.fromstring(network.XMLDesc(0))
            for network in self.libvirt.listAllNetworks()
            if network.name().startswith(port_networks.PREFIX)
        }

    def interfaces(self, domain: Any, flags: int) -> list[Any]:
        """Return the interfaces of a domain.

        :param flags: 0 for the live XML, 2 for the definition
        """
        found = etree.fromstring(domain.XMLDesc(flags))
        return list(found.findall('devices/interface'))

    def test_creates_a_network_for_each_port(self) -> None:
        ports = [self.create_port(self.red) for _ in range(2)]
        server = self.create_with_ports(*ports)
        self.wait_for(server, 'ACTIVE')
        vfs = self.ports_of(server)
        names = {port: f'pci-ext-{server}-{port}' for port in ports}
        networks = self.networks()
        self.assertEqual(set(names.values()), set(networks))
        for port in ports:
            self.assertEqual(self.pf, sysfs.parent(vfs[port]))
            self.assertEqual('vfio-pci', sysfs.driver(vfs[port]))
            network = networks[names[port]]
            self.assertEqual('hostdev', network.find('forward').get('mode'))
            self.assertEqual(
                vfs[port],
                network_xml.address_in(etree.tostring(network).decode()),
            )
        # The XML of Nova, and the network that libvirt made of it.
        domain = self.domain(server)
        for written in self.interfaces(domain, 2):
            self.assertEqual('network', written.get('type'))
            self.assertIn(
                written.find('source').get('network'), names.values()
            )
            self.assertIsNone(written.find('source/address'))
        removed, remaining = ports
        self.shell.run('server', 'remove', 'port', server, removed)
        self.wait_until(lambda: self.allocations(server) == [vfs[remaining]])
        for flags in (0, 2):
            [interface] = self.interfaces(domain, flags)
            self.assertEqual(
                self.port(remaining)['mac_address'],
                interface.find('mac').get('address'),
            )
        self.assertEqual([names[remaining]], list(self.networks()))
        self.assertReleased(vfs[removed], 'igbvf')
        self.delete_server(server)
        self.assertEqual({}, self.networks())
        self.assertReleased(vfs[remaining], 'igbvf')

    def test_restart_removes_leftover_networks(self) -> None:
        port = self.create_port(self.red)
        server = self.create_with_ports(port)
        process = self.allinone.process
        assert process is not None
        # At once, before the guest starts.
        deadline = time.monotonic() + base.SERVER_TIMEOUT
        while not self.networks():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        process.kill()
        process.wait()
        networks = self.networks()
        # One whose server has no claim to its device.
        left = f'pci-ext-{port}-{server}'
        self.libvirt.networkCreateXML(
            network_xml.describe(left, sysfs.vfs(self.pf)[-1])
        )
        self.allinone.kill_and_start()
        # The network was there, and the server not yet.
        self.assertEqual([f'pci-ext-{server}-{port}'], list(networks))
        self.wait_until(lambda: left not in self.networks())
        # Nova does not go on with it.
        self.wait_for(server, 'ERROR')
        self.delete_server(server)
        self.assertEqual({}, self.networks())
        self.assertEqual([], self.allocations())
        for vf in sysfs.vfs(self.pf):
            self.assertReleased(vf, 'igbvf')
