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

"""The use cases of the design "PCI passthrough SRIOV support"."""

from pci_ext.tests import tags
from pci_ext.tests.functional import base

GPU_1 = {
    'kind': 'gpu',
    'vendor_id': '8086',
    'product_id': '0001',
    'address': '0000:01:00.0',
}
GPU_2 = GPU_1 | {'product_id': '0002', 'address': '0000:02:00.0'}


class TestOneGpu(base.TestCase):
    """General PCI passthrough."""

    HOSTS = {'host-1': [GPU_1, GPU_2]}
    CONFIG = """
[pci_ext]
pci_information = [{"device_id": "0001", "vendor_id": "8086"}, {}]
pci_flavor_attrs = device_id, vendor_id
"""

    def test_allocates_one_gpu(self) -> None:
        self.create_pci_flavor('bigGPU', vendor_id='8086', product_id='0001')
        server = self.boot('1:bigGPU;')
        self.assertAllocated(server, '0000:01:00.0')
        self.assertNoHost('1:bigGPU;')


@tags.tag(tags.DEPLOY_SHORT)
class TestTwoModels(base.TestCase):
    """Several candidate PCI flavors, and a regular expression."""

    HOSTS = {'host-1': [GPU_1, GPU_2]}
    CONFIG = """
[pci_ext]
pci_information = [{"device_id": "000[1-2]", "vendor_id": "8086"}, {}]
pci_flavor_attrs = device_id, vendor_id
"""

    def test_allocates_the_alternatives_in_order(self) -> None:
        self.create_pci_flavor('bigGPU', vendor_id='8086', product_id='0001')
        self.create_pci_flavor('bigGPU2', vendor_id='8086', product_id='0002')
        first = self.boot('1:bigGPU,bigGPU2;')
        self.assertAllocated(first, '0000:01:00.0')
        second = self.boot('1:bigGPU,bigGPU2;')
        self.assertAllocated(second, '0000:02:00.0')
        self.assertNoHost('1:bigGPU,bigGPU2;')

    def test_selects_by_a_regular_expression(self) -> None:
        self.create_pci_flavor(
            'bigGPU', vendor_id='8086', product_id='000[1-2]'
        )
        self.boot('1:bigGPU;')
        self.boot('1:bigGPU;')
        self.assertEqual(
            ['0000:01:00.0', '0000:02:00.0'], sorted(self.allocations())
        )
        self.assertNoHost('1:bigGPU;')


class TestGroupTag(base.TestCase):
    """A grouping tag."""

    HOSTS = {
        'host-1': [
            GPU_1,
            GPU_2,
            GPU_1 | {'product_id': '0003', 'address': '0000:03:00.0'},
        ]
    }
    CONFIG = """
[pci_ext]
pci_information = [{"device_id": "000[1-2]", "vendor_id": "8086"}, \
{"e.group": "gpu"}]
pci_information = [{"device_id": "0003", "vendor_id": "8086"}, \
{"e.group": "other"}]
pci_flavor_attrs = e.group
"""

    def test_selects_by_a_group_tag(self) -> None:
        self.create_pci_flavor('bigGPU', **{'e.group': 'gpu'})
        server = self.boot('2:bigGPU;')
        self.assertAllocated(server, '0000:01:00.0', '0000:02:00.0')
        self.assertNoHost('1:bigGPU;')


class TestPhysicalNetwork(base.TestCase):
    """SR-IOV with a tagged PCI flavor."""

    HOSTS = {
        'host-1': [
            {
                'kind': 'nic',
                'vendor_id': '8086',
                'product_id': '0022',
                'address': [f'0000:0{bus}:00.0' for bus in range(1, 6)],
            },
            {
                'kind': 'nic',
                'vendor_id': '8086',
                'product_id': '0023',
                'address': '0000:06:00.0',
            },
        ]
    }
    CONFIG = """
[pci_ext]
pci_information = [{"device_id": "0022", "vendor_id": "8086"}, \
{"e.physical_network": "X"}]
pci_information = [{"device_id": "0023", "vendor_id": "8086"}, \
{"e.physical_network": "Y"}]
pci_flavor_attrs = e.physical_network
"""

    def test_selects_by_a_physical_network(self) -> None:
        self.create_pci_flavor('phyX_NIC', **{'e.physical_network': 'X'})
        server = self.boot('4:phyX_NIC;')
        self.assertEqual(4, len(self.allocations(server)))
        last = self.boot('1:phyX_NIC;')
        self.assertEqual(1, len(self.allocations(last)))
        self.assertNotIn('0000:06:00.0', self.allocations())
        self.assertNoHost('1:phyX_NIC;')


class TestEncryptionCards(base.TestCase):
    """Three kinds of encryption card, of which a server can use two."""

    HOSTS = {
        'host-1': [
            {
                'kind': 'crypto',
                'vendor_id': 'aaa1',
                'product_id': '000a',
                'address': ['0000:01:00.0', '0000:02:00.0'],
            },
            {
                'kind': 'crypto',
                'vendor_id': 'aaa1',
                'product_id': '000b',
                'address': '0000:03:00.0',
            },
            {
                'kind': 'crypto',
                'vendor_id': 'aaa2',
                'product_id': '000b',
                'address': '0000:04:00.0',
            },
        ]
    }
    CONFIG = """
[pci_ext]
pci_information = [{"device_id": "0x000a", "vendor_id": "AAA1"}, \
{"e.QAclass": "1"}]
pci_information = [{"device_id": "0x000b", "vendor_id": "AAA1"}, \
{"e.QAclass": "2"}]
pci_information = [{"device_id": "0x000b", "vendor_id": "AAA2"}, \
{"e.QAclass": "3"}]
pci_flavor_attrs = e.QAclass
"""

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('QA1', **{'e.QAclass': '1'})
        self.create_pci_flavor('QA13', **{'e.QAclass': '(1|3)'})

    def test_allocates_three_cards_of_two_kinds(self) -> None:
        server = self.boot('3:QA13;')
        self.assertAllocated(
            server, '0000:01:00.0', '0000:02:00.0', '0000:04:00.0'
        )
        self.assertNoHost('1:QA1;')
        self.assertNoHost('1:QA13;')

    def test_allocates_one_card_of_each_pci_flavor(self) -> None:
        both = self.boot('1:QA1;1:QA13;')
        self.assertEqual(2, len(self.allocations(both)))
        self.boot('1:QA13;')
        self.assertNotIn('0000:03:00.0', self.allocations())
        self.assertNoHost('1:QA13;')
