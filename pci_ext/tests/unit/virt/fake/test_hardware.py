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

import contextlib
import json
import os
from typing import Any

import hypothesis
from hypothesis import strategies as st
from oslotest import base

import pci_ext
from pci_ext import exception
from pci_ext.virt.fake import hardware
from pci_ext.virt.fake import hardware_cards
from pci_ext.virt.fake import hardware_values

SAMPLES = os.path.join(
    os.path.dirname(pci_ext.__file__), '..', 'etc', 'pci_ext', 'samples'
)

GPU = {
    'kind': 'gpu',
    'vendor_id': '10de',
    'product_id': '20b0',
    'address': '0000:3b:00.0',
}

KEYS = ['name', 'cards', *GPU, 'vfs', 'count']
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner)
    ),
    max_leaves=4,
)


class HardwareTestCase(base.BaseTestCase):
    def load(self, content: Any) -> dict[str, list[dict[str, Any]]]:
        if not isinstance(content, str):
            content = json.dumps(content)
        path = self.create_tempfiles([('hardware', content)], '')[0]
        return hardware.load(path)

    def load_cards(self, *entries: Any) -> list[dict[str, Any]]:
        hosts = self.load({'hosts': [{'name': 'host-1', 'cards': entries}]})
        return hosts['host-1']

    def assertInvalid(self, *reasons: str, content: Any) -> None:
        error = self.assertRaises(
            exception.InvalidHardware, self.load, content
        )
        for reason in reasons:
            self.assertIn(reason, str(error))

    def assertInvalidCard(self, *reasons: str, card: Any) -> None:
        hosts = [{'name': 'host-1', 'cards': [GPU, card]}]
        self.assertInvalid(
            *('host host-1, card 2', *reasons), content={'hosts': hosts}
        )


class TestDevices(HardwareTestCase):
    def test_device_is_as_libvirt_driver_reports_it(self) -> None:
        (device,) = self.load_cards(GPU | {'numa_node': 1})
        self.assertEqual(
            {
                'dev_id': 'pci_0000_3b_00_0',
                'address': '0000:3b:00.0',
                'vendor_id': '10de',
                'product_id': '20b0',
                'numa_node': 1,
                'label': 'label_10de_20b0',
                'dev_type': 'type-PCI',
                'class': '0x030200',
            },
            device,
        )

    def test_numa_node_is_none_by_default(self) -> None:
        (device,) = self.load_cards(GPU)
        self.assertIsNone(device['numa_node'])

    def test_makes_a_device_for_each_address(self) -> None:
        addresses = ['0000:3b:00.0', '0001:3b:00.0', '10000:e1:00.0']
        devices = self.load_cards(GPU | {'address': addresses})
        self.assertEqual(addresses, [each['address'] for each in devices])
        self.assertEqual('pci_10000_e1_00_0', devices[2]['dev_id'])

    def test_ids_are_normalized(self) -> None:
        (device,) = self.load_cards(
            GPU
            | {
                'vendor_id': '0x10DE',
                'address': '0000:3B:00.0',
                'class': '030000',
            }
        )
        self.assertEqual('10de', device['vendor_id'])
        self.assertEqual('0000:3b:00.0', device['address'])
        self.assertEqual('0x030000', device['class'])

    def test_yaml_scalars_are_text(self) -> None:
        # YAML reads 0022 as a number in base 8 and 28:00 as one in base 60.
        (device,) = self.load(
            'hosts:\n- name: a\n  cards:\n'
            '  - {kind: gpu, vendor_id: 0022, product_id: 1234,'
            ' address: 0000:28:00.1, numa_node: 0}\n'
        )['a']
        self.assertEqual('0022', device['vendor_id'])
        self.assertEqual('1234', device['product_id'])
        self.assertEqual('0000:28:00.1', device['address'])
        self.assertEqual(0, device['numa_node'])

    def test_json(self) -> None:
        content = json.dumps({'hosts': [{'name': 'a', 'cards': [GPU]}]})
        path = self.create_tempfiles([('hardware', content)], '.json')[0]
        self.assertEqual(['a'], list(hardware.load(path)))

    def test_host_without_cards(self) -> None:
        self.assertEqual({'a': []}, self.load({'hosts': [{'name': 'a'}]}))

    def test_card_without_a_kind_has_no_class(self) -> None:
        card = {key: GPU[key] for key in GPU if key != 'kind'}
        (device,) = self.load_cards(card)
        self.assertNotIn('class', device)


class TestVirtualFunctions(HardwareTestCase):
    def load_functions(self, **vfs: Any) -> list[dict[str, Any]]:
        nic = GPU | {'kind': 'nic', 'numa_node': 1, 'vfs': vfs}
        return self.load_cards(nic)

    def test_pf_and_vfs(self) -> None:
        pf, first, second = self.load_functions(count=2, product_id='154c')
        self.assertEqual('type-PF', pf['dev_type'])
        self.assertNotIn('parent_addr', pf)
        self.assertEqual(
            {
                'dev_id': 'pci_0000_3b_10_0',
                'address': '0000:3b:10.0',
                'vendor_id': '10de',
                'product_id': '154c',
                'numa_node': 1,
                'label': 'label_10de_154c',
                'dev_type': 'type-VF',
                'class': '0x020000',
                'parent_addr': '0000:3b:00.0',
            },
            first,
        )
        self.assertEqual('0000:3b:10.2', second['address'])

    def test_addresses_of_vfs_continue_in_the_next_slot_and_bus(self) -> None:
        _, *vfs = self.load_functions(
            count=3, product_id='154c', offset=7, stride=1
        )
        self.assertEqual(
            ['0000:3b:00.7', '0000:3b:01.0', '0000:3b:01.1'],
            [vf['address'] for vf in vfs],
        )
        _, vf = self.load_functions(count=1, product_id='154c', offset=256)
        self.assertEqual('0000:3c:00.0', vf['address'])

    def test_vfs_of_two_pfs_have_different_addresses(self) -> None:
        ports = ['0000:06:00.0', '0000:06:00.1']
        vfs = {'count': 64, 'product_id': '10ed'}
        devices = self.load_cards(GPU | {'address': ports, 'vfs': vfs})
        self.assertEqual(2 + 128, len({each['address'] for each in devices}))

    def test_vf_with_a_parent_addr(self) -> None:
        pf, vf = self.load_cards(
            GPU | {'dev_type': 'type-PF'},
            GPU
            | {
                'address': '0000:3b:00.1',
                'dev_type': 'type-VF',
                'parent_addr': '0000:3b:00.0',
            },
        )
        self.assertEqual('type-PF', pf['dev_type'])
        self.assertEqual('type-VF', vf['dev_type'])
        self.assertEqual('0000:3b:00.0', vf['parent_addr'])


class TestRefusals(HardwareTestCase):
    def test_refuses_a_missing_file(self) -> None:
        error = self.assertRaises(
            exception.InvalidHardware, hardware.load, '/nonexistent'
        )
        self.assertIn('/nonexistent: No such file', str(error))

    def test_refuses_other_content(self) -> None:
        for content in ('', '[]', 'a: [', 'a', '\x00', '{"devices": []}'):
            self.assertInvalid(content=content)
        self.assertInvalid('"hosts" is a list', content={'hosts': []})
        self.assertInvalid('host 1', content={'hosts': ['a']})

    def test_refuses_json_that_does_not_parse(self) -> None:
        path = self.create_tempfiles([('hardware', '{')], '.json')[0]
        self.assertRaises(exception.InvalidHardware, hardware.load, path)

    def test_refuses_bytes_that_are_not_text(self) -> None:
        path = self.create_tempfiles([('hardware', '')], '')[0]
        with open(path, 'wb') as stream:
            stream.write(b'\xff\xfe\xff')
        self.assertRaises(exception.InvalidHardware, hardware.load, path)

    def test_refuses_invalid_hosts(self) -> None:
        self.assertInvalid(
            *('host 1', 'name'), content={'hosts': [{'cards': []}]}
        )
        self.assertInvalid('a/b', content={'hosts': [{'name': 'a/b'}]})
        self.assertInvalid(
            'two hosts are named a',
            content={'hosts': [{'name': 'a'}, {'name': 'a'}]},
        )
        self.assertInvalid(
            "'card'", content={'hosts': [{'name': 'a', 'card': []}]}
        )
        self.assertInvalid(
            'host a', content={'hosts': [{'name': 'a', 'cards': GPU}]}
        )

    def test_refuses_invalid_cards(self) -> None:
        address = {'address': '0000:5e:00.0'}
        for card, *reasons in (
            ('gpu', 'not an object'),
            ({}, 'address'),
            (GPU | {'address': '3b:00.0'}, '3b:00.0', 'not like'),
            (GPU | {'address': '0000:3b:20.0'}, '0000:3b:20.0'),
            (GPU | address | {'vendor_id': '10d'}, 'vendor_id', '10d'),
            (GPU | address | {'product_id': 32902}, 'product_id', '32902'),
            (GPU | address | {'kind': 'fpga'}, 'kind', 'fpga', 'crypto'),
            (GPU | address | {'class': 'gpu'}, 'class', 'gpu'),
            (GPU | address | {'numa_node': -1}, 'numa_node', '-1'),
            (GPU | address | {'numa_node': True}, 'numa_node'),
            (GPU | address | {'dev_type': 'PF'}, 'dev_type', 'PF'),
            (GPU | address | {'dev_type': 'type-VF'}, 'parent_addr'),
            (GPU | address | {'parent_addr': '0000:3b:00.0'}, 'parent_addr'),
            (GPU | address | {'slot': '1'}, 'slot'),
            (GPU, '0000:3b:00.0', 'used already'),
        ):
            self.assertInvalidCard(*reasons, card=card)

    def test_refuses_invalid_virtual_functions(self) -> None:
        for vfs, *reasons in (
            ([], 'vfs'),
            ({'count': 0, 'product_id': '154c'}, 'count'),
            ({'count': 257, 'product_id': '154c'}, 'count'),
            ({'count': 1}, 'vfs', 'product_id'),
            ({'count': 1, 'product_id': '154c', 'offset': 0}, 'offset'),
            ({'count': 2, 'product_id': '154c', 'stride': 0}, 'stride'),
            ({'count': 1, 'product_id': '154c', 'offset': 60000}, 'bus ff'),
            ({'number': 1}, 'number'),
        ):
            self.assertInvalidCard(
                *reasons, card=GPU | {'address': '0000:5e:00.0', 'vfs': vfs}
            )
        self.assertInvalidCard(
            'PF',
            card=GPU
            | {
                'address': '0000:5e:00.0',
                'dev_type': 'type-PCI',
                'vfs': {'count': 1, 'product_id': '154c'},
            },
        )

    @hypothesis.settings(deadline=None, max_examples=300)
    @hypothesis.given(
        st.dictionaries(
            st.sampled_from([*GPU, 'class', 'numa_node', 'dev_type', 'vfs']),
            ANYTHING,
            min_size=1,
        )
    )
    def test_any_card_loads_or_is_invalid(self, changes: Any) -> None:
        with contextlib.suppress(hardware_values.InvalidCard):
            list(hardware_cards.expand(GPU | changes, 'card'))

    @hypothesis.settings(deadline=None)
    @hypothesis.given(ANYTHING)
    def test_any_hosts_load_or_are_invalid(self, hosts: Any) -> None:
        with contextlib.suppress(exception.InvalidHardware):
            self.load({'hosts': hosts})


class TestSamples(base.BaseTestCase):
    def test_a_sample_for_each_kind_of_card(self) -> None:
        classes = {
            'gpu.yaml': '0x030200',
            'sriov-nic.yaml': '0x020000',
            'nvme.yaml': '0x010802',
            'crypto.yaml': '0x0b4000',
        }
        for name, class_code in classes.items():
            hosts = hardware.load(os.path.join(SAMPLES, name))
            (devices,) = hosts.values()
            self.assertEqual({class_code}, {dev['class'] for dev in devices})

    def test_demo_has_three_hosts_and_two_domains(self) -> None:
        hosts = hardware.load(os.path.join(SAMPLES, 'demo.yaml'))
        self.assertEqual(3, len(hosts))
        addresses = [
            device['address']
            for devices in hosts.values()
            for device in devices
        ]
        self.assertTrue(any(each.startswith('0001:') for each in addresses))
