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
"""Ports of SR-IOV networks, with devices by PCI flavor."""

from concurrent import futures
import threading
import time
from typing import Any

import urllib3

from pci_ext.cmd.allinone import config
from pci_ext.tests.functional import base

INTEL = {
    'kind': 'nic',
    'vendor_id': '8086',
    'product_id': '1572',
    'address': '0000:3b:00.0',
    'vfs': {'count': 2, 'product_id': '154c', 'offset': 16, 'stride': 1},
}
MELLANOX = INTEL | {'vendor_id': '15b3', 'address': '0000:5e:00.0'}
MEMBER = f'member:{config.MEMBER_PROJECT}:member,reader'


class PortsTestCase(base.TestCase):
    """Networks and ports in the stub of Neutron."""

    ALLINONE_ONLY = 'uses ports of the stub of Neutron'

    HOSTS = {'host-1': [INTEL, MELLANOX]}
    CONFIG = """
[pci_ext]
pci_information = [{"address": "0000:3b:*.*"}, {"e.physical_network": "red"}]
pci_information = [{"address": "0000:5e:*.*"}, {"e.physical_network": "blue"}]
"""

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('IntelVF', vendor_id='8086')
        self.create_pci_flavor('AnyVF', dev_type='type-VF')
        self.flavor = self.create_flavor('none', key='test:devices')
        self.red = self.create_network('red', 42)

    def neutron(self, method: str, path: str, body: object = None) -> Any:
        response = urllib3.request(
            method, f'{self.allinone.url}/network/v2.0{path}', json=body
        )
        self.assertLess(response.status, 300, response.data)
        return response.json() if response.data else None

    def create_network(self, physical_network: str, vlan: int) -> str:
        body = {
            'name': physical_network,
            'provider:physical_network': physical_network,
            'provider:segmentation_id': vlan,
        }
        created = self.neutron('POST', '/networks', {'network': body})
        id = str(created['network']['id'])
        self.addCleanup(self.neutron, 'DELETE', f'/networks/{id}')
        return id

    def create_port(
        self, network: str, vnic_type: str = 'direct', **values: Any
    ) -> str:
        body = {
            'network_id': network,
            'binding:vnic_type': vnic_type,
            'binding:profile': values.pop('profile', {}),
            **values,
        }
        created = self.neutron('POST', '/ports', {'port': body})
        id = str(created['port']['id'])
        self.addCleanup(self.neutron, 'DELETE', f'/ports/{id}')
        return id

    def port(self, id: str) -> dict[str, Any]:
        return dict(self.neutron('GET', f'/ports/{id}')['port'])

    def post_server(
        self, *networks: dict[str, str], image: str = '', **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """Send a request for a server with ports, and return the response.

        :param image: id of the image; by default that of the only image
        """
        [flavor] = [
            row['ID']
            for row in self.openstack('flavor', 'list')
            if row['Name'] == self.flavor
        ]
        if not image:
            [image] = [row['ID'] for row in self.openstack('image', 'list')]
        body = {
            'name': self.unique_name('server'),
            'flavorRef': flavor,
            'imageRef': image,
            'networks': list(networks),
        }
        return self.request('POST', '/servers', {'server': body}, **headers)

    def boot_with(
        self, *networks: dict[str, str], image: str = '', **headers: str
    ) -> str:
        response = self.post_server(*networks, image=image, **headers)
        self.assertEqual(202, response.status, response.data)
        server_id = str(response.json()['server']['id'])
        self.addCleanup(self.delete_server, server_id)
        self.wait_for(server_id, 'ACTIVE')
        return server_id

    def ports_of(self, server_id: str) -> dict[str, str]:
        """Return the address of the device of each port."""
        rows = self.openstack('server', 'pci', 'list', '--long', server_id)
        return {row['Port ID']: row['Address'] for row in rows}


class TestPorts(PortsTestCase):
    def test_device_of_a_deleted_port_is_freed(self) -> None:
        created = self.neutron(
            'POST',
            '/ports',
            {
                'port': {
                    'network_id': self.red,
                    'binding:vnic_type': 'direct',
                    'binding:profile': {'pci_flavor': 'AnyVF'},
                }
            },
        )
        port = created['port']['id']
        server = self.boot_with({'port': port})
        self.assertEqual(1, len(self.allocations(server)))
        self.neutron('DELETE', f'/ports/{port}')
        event = {
            'name': 'network-vif-deleted',
            'server_uuid': server,
            'tag': port,
        }
        response = self.request(
            'POST', '/os-server-external-events', {'events': [event]}
        )
        self.assertEqual(200, response.status, response.data)
        self.wait_until(lambda: not self.allocations(server))
        self.assertEqual({}, self.ports_of(server))

    def test_claims_by_the_binding_profile(self) -> None:
        port = self.create_port(self.red, profile={'pci_flavor': 'AnyVF'})
        server = self.openstack(
            *('server', 'create', '--flavor', self.flavor),
            *('--image', 'tiny', '--nic', f'port-id={port}'),
            self.unique_name('server'),
        )['id']
        self.addCleanup(self.delete_server, server)
        self.wait_for(server, 'ACTIVE')
        # A VF on the physical network of the port.
        [address] = self.allocations(server)
        self.assertIn(address, ('0000:3b:02.0', '0000:3b:02.1'))
        # The port shows its device, in the API and in Neutron.
        self.assertEqual({port: address}, self.ports_of(server))
        profile = self.port(port)['binding:profile']
        self.assertEqual(
            (address, 'red', 'AnyVF'),
            (
                profile['pci_slot'],
                profile['physical_network'],
                profile['pci_flavor'],
            ),
        )
        self.delete_and_free(server)
        self.assertEqual([], self.allocations())
        self.assertEqual(
            {'pci_flavor': 'AnyVF'}, self.port(port)['binding:profile']
        )

    def test_claims_by_the_server_request(self) -> None:
        one, two = self.create_port(self.red), self.create_port(self.red)
        server = self.boot_with(
            {'port': one, 'pci_flavor': 'IntelVF'},
            {'port': two, 'pci_flavor': 'AnyVF,IntelVF'},
        )
        self.assertEqual(
            ['0000:3b:02.0', '0000:3b:02.1'], sorted(self.allocations(server))
        )
        found = self.ports_of(server)
        for port in (one, two):
            profile = self.port(port)['binding:profile']
            self.assertEqual(found[port], profile['pci_slot'])

    def test_no_device_on_the_physical_network(self) -> None:
        port = self.create_port(self.create_network('blue', 43))
        response = self.post_server({'port': port, 'pci_flavor': 'IntelVF'})
        server_id = response.json()['server']['id']
        self.addCleanup(self.delete_server, server_id)
        server = self.wait_for(server_id, 'ERROR')
        self.assertIn('No valid host', server['fault']['message'])

    def test_refuses_invalid_requests(self) -> None:
        port = self.create_port(self.red)
        normal = self.create_port(self.red, vnic_type='normal')
        self.create_pci_flavor('PF', dev_type='type-PF')
        for network, reason in (
            ({'port': port, 'pci_flavor': 'none'}, 'none could not be found'),
            ({'port': port, 'pci_flavor': '2:AnyVF'}, 'one device'),
            ({'port': port, 'pci_flavor': 'PF'}, 'dev_type type-PF'),
            ({'port': normal, 'pci_flavor': 'AnyVF'}, 'not one for SR-IOV'),
            (
                {'uuid': self.red, 'pci_flavor': 'AnyVF'},
                "'port' is a required property",
            ),
            (
                {'uuid': self.red, 'port': None, 'pci_flavor': 'AnyVF'},
                "None is not of type 'string'",
            ),
        ):
            response = self.post_server(network)
            self.assertEqual(400, response.status, response.data)
            self.assertIn(reason, response.data.decode())

    def test_hides_private_pci_flavors(self) -> None:
        self.shell.run(
            *('pci', 'flavor', 'create', '--private'),
            *('--property', 'vendor_id=8086', 'private'),
        )
        self.addCleanup(self.shell.run, 'pci', 'flavor', 'delete', 'private')
        project = {'tenant_id': config.MEMBER_PROJECT}
        port = self.create_port(self.red, **project)
        network = {'port': port, 'pci_flavor': 'private'}
        refused = self.post_server(network, **{'X-Auth-Token': MEMBER})
        self.assertEqual(400, refused.status, refused.data)
        self.assertIn(b'private could not be found', refused.data)
        self.shell.run(
            *('pci', 'flavor', 'access', 'add', 'private'),
            config.MEMBER_PROJECT,
        )
        server = self.boot_with(network, **{'X-Auth-Token': MEMBER})
        self.assertEqual([port], list(self.ports_of(server)))

    def test_attaches_a_port(self) -> None:
        server = self.boot_with(
            {'port': self.create_port(self.red), 'pci_flavor': 'AnyVF'}
        )
        [own] = self.allocations(server)
        profile = {'pci_flavor': 'IntelVF'}
        port = self.create_port(self.red, profile=profile)
        self.shell.run('server', 'add', 'port', server, port)
        address = self.ports_of(server)[port]
        self.assertEqual(
            ['0000:3b:02.0', '0000:3b:02.1'], sorted([own, address])
        )
        bound = self.port(port)['binding:profile']
        self.assertEqual(address, bound['pci_slot'])
        [row] = [
            row
            for row in self.openstack(
                'server', 'pci', 'list', '--long', server
            )
            if row['Port ID'] == port
        ]
        self.assertEqual('IntelVF', row['PCI Flavor'])
        # No device is free; the failed attach claims none.
        other = self.create_port(self.red, profile=profile)
        self.assertRefused(
            'Failed to claim', *('server', 'add', 'port', server, other)
        )
        self.assertEqual(
            sorted([own, address]), sorted(self.allocations(server))
        )
        self.shell.run('server', 'remove', 'port', server, port)
        self.wait_until(lambda: self.allocations(server) == [own])
        self.shell.run('server', 'add', 'port', server, other)
        self.assertEqual(address, self.ports_of(server)[other])

    def test_concurrent_attaches_obey_the_limit(self) -> None:
        # The port of these servers has no device.
        servers = [
            self.boot_with({'port': self.create_port(self.red, 'normal')})
            for _ in range(2)
        ]
        self.shell.run('pci', 'flavor', 'limit', 'set', 'IntelVF', '1')
        profile = {'pci_flavor': 'IntelVF'}
        ports = [self.create_port(self.red, profile=profile) for _ in servers]
        barrier = threading.Barrier(len(servers))

        def attach(server: str, port: str) -> int:
            barrier.wait()
            body = {'interfaceAttachment': {'port_id': port}}
            path = f'/servers/{server}/os-interface'
            return self.request('POST', path, body).status

        with futures.ThreadPoolExecutor(len(servers)) as pool:
            statuses = list(pool.map(attach, servers, ports))
        self.assertLessEqual(set(statuses), {200, 403})
        # Devices over the limit are detached again.
        deadline = time.monotonic() + base.SERVER_TIMEOUT
        while len(self.allocations()) != statuses.count(200):
            self.assertLess(time.monotonic(), deadline, statuses)
            time.sleep(base.POLL_INTERVAL)
        self.assertLessEqual(len(self.allocations()), 1)

    def test_refuses_to_attach_a_port(self) -> None:
        server = self.boot_with(
            {'port': self.create_port(self.red), 'pci_flavor': 'AnyVF'}
        )
        before = self.allocations(server)
        self.create_pci_flavor('PF', dev_type='type-PF')
        self.create_pci_flavor('Dear', vendor_id='8086')
        self.shell.run('pci', 'flavor', 'limit', 'set', 'Dear', '0')
        for name, expected in (
            ('none', 'none could not be found'),
            ('2:IntelVF', 'one device'),
            ('PF', 'dev_type type-PF'),
            ('Dear', 'Quota exceeded for PCI flavor Dear'),
        ):
            port = self.create_port(self.red, profile={'pci_flavor': name})
            self.assertRefused(expected, 'server', 'add', 'port', server, port)
        self.assertEqual(before, self.allocations(server))


class TestPortsOfNova(PortsTestCase):
    """Ports without a PCI flavor, with devices that Nova offers."""

    CONFIG = """
[pci]
device_spec = {"address": "0000:3b:*.*", "physical_network": "red"}
"""

    def test_limits_ports_without_a_pci_flavor(self) -> None:
        server = self.boot_with({'port': self.create_port(self.red)})
        self.shell.run('pci', 'flavor', 'limit', 'set', 'IntelVF', '1')
        text = 'Quota exceeded for PCI flavor IntelVF: requested 1, but alread'
        port = self.create_port(self.red)
        self.assertRefused(text, 'server', 'add', 'port', server, port)
        response = self.post_server({'port': port})
        self.assertEqual(403, response.status, response.data)
        self.assertIn(text, response.data.decode())
        self.boot_with({'port': self.create_port(self.red, 'normal')})
