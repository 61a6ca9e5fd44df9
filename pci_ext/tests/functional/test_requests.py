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

"""Devices of requests whose PCI flavors compete or overlap."""

from pci_ext.tests import tags
from pci_ext.tests.functional import base

VENDOR = {'kind': 'gpu', 'vendor_id': '8086'}


@tags.tag(tags.NOVA33_SHORT)
class TestAlternatives(base.TestCase):
    HOSTS = {
        'host-1': [
            VENDOR | {'product_id': '000a', 'address': '0000:0a:00.0'},
            VENDOR | {'product_id': '000b', 'address': '0000:0b:00.0'},
        ]
    }

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('A', product_id='000a')
        self.create_pci_flavor('B', product_id='000b')

    def test_assigns_devices_to_all_requests(self) -> None:
        # Nova's filter claims for the requests in order, and finds no host.
        server = self.boot('1:A,B;1:A')
        self.assertAllocated(server, '0000:0a:00.0', '0000:0b:00.0')

    def test_prefers_the_first_alternative(self) -> None:
        server = self.boot('1:B,A')
        self.assertAllocated(server, '0000:0b:00.0')

    def test_serves_overlapping_pci_flavors(self) -> None:
        self.create_pci_flavor('any', vendor_id='8086')
        self.create_pci_flavor('either', product_id='000[ab]')
        server = self.boot('1:any;1:either')
        self.assertAllocated(server, '0000:0a:00.0', '0000:0b:00.0')
        self.assertNoHost('1:A')
        self.assertNoHost('1:any')

    def test_pci_flavor_change_leaves_servers_as_they_are(self) -> None:
        server = self.boot('1:A')
        self.shell.run(
            'pci', 'flavor', 'set', '--property', 'product_id=000b', 'A'
        )
        self.shell.run('server', 'stop', server)
        self.wait_for(server, 'SHUTOFF', 'ACTIVE')
        self.shell.run('server', 'start', server)
        self.wait_for(server, 'ACTIVE', 'SHUTOFF')
        self.assertAllocated(server, '0000:0a:00.0')
        self.assertAllocated(self.boot('1:A'), '0000:0b:00.0')

    def test_delete_frees_the_devices(self) -> None:
        server = self.boot('1:A')
        self.assertNoHost('1:A')
        self.delete_server(server)
        self.assertEqual([], self.allocations())
        self.assertAllocated(self.boot('1:A'), '0000:0a:00.0')


class TestSpecialAttributes(base.TestCase):
    """The three PCI flavors of the discussion on special attributes."""

    HOSTS = {
        'host-1': [
            VENDOR | {'product_id': '0001', 'address': '0000:00:01.0'},
            VENDOR | {'product_id': '0002', 'address': '0000:00:02.0'},
        ]
    }
    CONFIG = """
[pci_ext]
pci_information = [{"product_id": "0001"}, {"e.group": "grp1"}]
pci_information = [{"product_id": "0002"}, {}]
special_attrs = e.group
"""

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('flv1', vendor_id='8086')
        self.create_pci_flavor('flv2', vendor_id='8086', **{'e.group': 'grp1'})
        self.create_pci_flavor('flv3', **{'e.group': 'grp1'})

    def test_reserves_a_device_with_a_special_attribute(self) -> None:
        self.assertAllocated(self.boot('1:flv1'), '0000:00:02.0')
        self.assertNoHost('1:flv1')

    def test_selects_by_a_special_and_another_attribute(self) -> None:
        self.assertAllocated(self.boot('1:flv2'), '0000:00:01.0')
        self.assertNoHost('1:flv3')

    def test_selects_by_a_special_attribute_alone(self) -> None:
        self.assertAllocated(self.boot('1:flv3'), '0000:00:01.0')
        self.assertNoHost('1:flv2')


class TestDomains(base.TestCase):
    """PCI domains other than 0000."""

    HOSTS = {
        'host-1': [
            VENDOR
            | {
                'product_id': '0001',
                'address': ['0000:65:00.0', '0001:65:00.0', '10000:65:00.0'],
            }
        ]
    }
    CONFIG = """
[pci_ext]
pci_information = [{"address": "0001:65:00.0"}, {"e.domain": "one"}]
pci_information = [{"address": "10000:*:*.*"}, {"e.domain": "long"}]
pci_information = [{"address": "0000:*:*.*"}, {"e.domain": "zero"}]
"""

    def test_distinguishes_slots_by_their_domain(self) -> None:
        self.create_pci_flavor('one', **{'e.domain': 'one'})
        self.assertAllocated(self.boot('1:one'), '0001:65:00.0')
        self.assertNoHost('1:one')

    def test_does_not_offer_a_32_bit_domain(self) -> None:
        # Nova's table can only store domains of 16 bits.
        self.create_pci_flavor('any', product_id='0001')
        server = self.boot('2:any')
        self.assertAllocated(server, '0000:65:00.0', '0001:65:00.0')
        self.assertNoHost('1:any')


class TestNames(base.TestCase):
    """Devices that are requested by name."""

    HOSTS = {
        'host-1': [
            VENDOR
            | {
                'kind': 'nic',
                'product_id': '10fb',
                'address': ['0000:28:00.1', '0000:28:00.2', '0000:28:00.3'],
            }
        ]
    }
    CONFIG = """
[pci_ext]
pci_devices = 28:00.1|10GE, 28:00.3|10GE
"""

    def test_boots_by_name(self) -> None:
        flavor = self.create_flavor('10GE,10GE', 'pci_passthrough:pci_name')
        server = self.create_server(flavor)
        self.wait_for(server, 'ACTIVE')
        self.assertAllocated(server, '0000:28:00.1', '0000:28:00.3')
        again = self.create_server(flavor)
        self.wait_for(again, 'ERROR')


@tags.tag(tags.DEPLOY_SHORT, tags.NOVA33_SHORT)
class TestVirtualFunctions(base.TestCase):
    HOSTS = {
        'host-1': [
            VENDOR
            | {
                'kind': 'nic',
                'product_id': '1572',
                'address': '0000:06:00.0',
                'vfs': {'count': 2, 'product_id': '154c'},
            }
        ]
    }

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('vf', dev_type='type-VF')
        self.create_pci_flavor('pf', dev_type='type-PF')

    def test_vfs_of_an_allocated_pf_are_unavailable(self) -> None:
        self.assertAllocated(self.boot('1:pf'), '0000:06:00.0')
        self.assertNoHost('1:vf')

    def test_pf_of_allocated_vfs_is_unavailable(self) -> None:
        server = self.boot('2:vf')
        self.assertAllocated(server, '0000:06:10.0', '0000:06:10.2')
        self.assertNoHost('1:pf')
