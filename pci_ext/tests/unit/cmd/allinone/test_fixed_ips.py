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

from typing import Any

from pci_ext.tests.unit.cmd.allinone import base


class TestFixedIPs(base.TestCase):
    """The addresses of the ports of a network with a subnet of six."""

    def setUp(self) -> None:
        super().setUp()
        self.network = self.create('network', name='net')['id']
        self.subnet = self.create(
            'subnet', network_id=self.network, cidr='192.0.2.0/29'
        )

    def addresses(self, **values: Any) -> list[str]:
        port = self.create('port', network_id=self.network, **values)
        return [each['ip_address'] for each in port['fixed_ips']]

    def test_subnet_is_on_its_network(self) -> None:
        path = f'/networks/{self.network}'
        subnets = self.send('GET', path).json['network']['subnets']
        self.assertEqual([self.subnet['id']], subnets)
        self.assertEqual('192.0.2.1', self.subnet['gateway_ip'])
        self.send('DELETE', f'/subnets/{self.subnet["id"]}')
        self.assertEqual([], self.send('GET', path).json['network']['subnets'])
        self.assertEqual([], self.addresses())

    def test_ports_have_an_address_each(self) -> None:
        self.assertEqual(['192.0.2.2'], self.addresses())
        self.assertEqual(['192.0.2.3'], self.addresses())
        found = self.send('GET', '/ports?fixed_ips=ip_address=192.0.2.3')
        self.assertEqual(1, len(found.json['ports']))

    def test_port_with_a_requested_address(self) -> None:
        wanted = [{'ip_address': '192.0.2.4'}]
        self.assertEqual(['192.0.2.4'], self.addresses(fixed_ips=wanted))
        for fixed_ips, status in (
            (wanted, 409),
            ([{'ip_address': '198.51.100.1'}], 400),
            ([{'subnet_id': 'other'}], 400),
        ):
            port = {'network_id': self.network, 'fixed_ips': fixed_ips}
            response = self.send('POST', '/ports', {'port': port})
            self.assertEqual(status, response.status_int)

    def test_full_subnet(self) -> None:
        for _ in range(5):
            self.addresses()
        port = {'network_id': self.network}
        response = self.send('POST', '/ports', {'port': port})
        self.assertEqual(409, response.status_int)

    def test_one_address_of_each_version(self) -> None:
        self.create('subnet', network_id=self.network, cidr='2001:db8::/64')
        self.assertEqual(['192.0.2.2', '2001:db8::2'], self.addresses())

    def test_floating_ip(self) -> None:
        port = self.create('port', network_id=self.network)
        created = self.create('floatingip', floating_network_id=self.network)
        self.assertEqual('192.0.2.3', created['floating_ip_address'])
        self.assertEqual(['192.0.2.4'], self.addresses())
        path = f'/floatingips/{created["id"]}'
        for port_id, address in ((port['id'], '192.0.2.2'), (None, None)):
            body = {'floatingip': {'port_id': port_id}}
            self.assertEqual(200, self.send('PUT', path, body).status_int)
            shown = self.send('GET', path).json['floatingip']
            self.assertEqual(address, shown['fixed_ip_address'])

    def test_port_has_one_floating_ip(self) -> None:
        port = self.create('port', network_id=self.network)
        values = {'floating_network_id': self.network, 'port_id': port['id']}
        self.create('floatingip', **values)
        other = self.create('floatingip', floating_network_id=self.network)
        path = f'/floatingips/{other["id"]}'
        body = {'floatingip': {'port_id': port['id']}}
        self.assertEqual(409, self.send('PUT', path, body).status_int)
        self.assertIsNone(self.send('GET', path).json['floatingip']['port_id'])

    def test_refuses_a_subnet_that_is_none(self) -> None:
        subnet = {'network_id': self.network, 'cidr': 'net'}
        response = self.send('POST', '/subnets', {'subnet': subnet})
        self.assertEqual(400, response.status_int)
