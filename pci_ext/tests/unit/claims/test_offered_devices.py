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

from unittest import mock

from nova.compute import pci_placement_translator
from nova.pci import whitelist
from oslotest import base

from pci_ext import exception
from pci_ext.claims import offered_devices
from pci_ext.tests import fixtures
from pci_ext.tests.unit.claims import devices

REPORTED = {
    'address': '0000:01:00.0',
    'dev_id': 'pci_0000_01_00_0',
    'vendor_id': '8086',
    'product_id': '10ed',
    'dev_type': 'type-VF',
    'parent_addr': '0000:01:00.7',
    'numa_node': 1,
    'label': 'label_8086_10ed',
    'class': '020000',
    'capabilities': {'network': ['sriov']},
}


class WhitelistTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(fixtures.Activation()).conf

    def attributes(self, **changes: object) -> dict[str, str] | None:
        spec = whitelist.Whitelist([]).device_assignable(REPORTED | changes)
        return spec and dict(spec.entry.attributes)

    def offer(self, *entries: str) -> None:
        self.conf.config(group='pci_ext', pci_information=list(entries))

    def test_selects_by_any_reported_property(self) -> None:
        for selector in (
            '{"class": "0200.."}',
            '{"numa_node": "1"}',
            '{"dev_type": "type-VF"}',
            '{"parent_addr": "0000:01:00.7"}',
            '{"label": "label_8086_.*"}',
        ):
            self.offer(f'[{selector}, {{"e.x": "y"}}]')
            self.assertEqual({'e.x': 'y'}, self.attributes(), selector)
        self.offer('[{"serial": "*"}, {}]')
        self.assertIsNone(self.attributes())

    def test_resource_class_and_traits_in_placement(self) -> None:
        self.offer(
            '[{"product_id": "0001"}, {"e.group": "gpu", "resource_class": '
            '"gpu", "traits": "big,HW_GPU_API_VULKAN"}]',
            '[{}, {}]',
        )
        specs = whitelist.Whitelist([])
        view = pci_placement_translator.PlacementView('host', [])
        for address, product_id in (
            ('0000:01:00.0', '0001'),
            ('0000:02:00.0', '0002'),
        ):
            device = devices.device(address, product_id=product_id)
            view.process_dev(device, specs.get_devspec(device))
        self.assertEqual(
            {
                'host_0000:01:00.0': (
                    'CUSTOM_GPU',
                    {
                        'CUSTOM_BIG',
                        'HW_GPU_API_VULKAN',
                        'COMPUTE_MANAGED_PCI_DEVICE',
                    },
                ),
                'host_0000:02:00.0': (
                    'CUSTOM_PCI_8086_0002',
                    {'COMPUTE_MANAGED_PCI_DEVICE'},
                ),
            },
            {
                name: (provider.resource_class, provider.traits)
                for name, provider in view.rps.items()
            },
        )
        self.assertEqual(
            {'e.group': 'gpu'}, self.attributes(product_id='0001')
        )

    def test_matches_a_device_record_like_the_report(self) -> None:
        self.offer('[{"class": "020000", "numa_node": "1"}, {}]')
        record = devices.device(
            '0000:01:00.0', **{'class': '020000', 'numa_node': 1}
        )
        self.assertIsNotNone(whitelist.Whitelist([]).get_devspec(record))
        record.numa_node = 0
        self.assertIsNone(whitelist.Whitelist([]).get_devspec(record))

    def test_the_first_match_wins(self) -> None:
        self.offer(
            '[{"product_id": "10ed"}, {"e.n": "1"}]',
            '[{"vendor_id": "8086"}, {"e.n": "2"}]',
        )
        self.assertEqual({'e.n': '1'}, self.attributes())
        self.assertEqual({'e.n': '2'}, self.attributes(product_id='10ee'))
        self.conf.config(group='pci_ext', pci_devices=['01:00.0|10GE'])
        self.assertEqual({'e.name': '10GE'}, self.attributes())

    def test_reads_the_properties_once_for_all_entries(self) -> None:
        self.conf.config(
            group='pci_ext',
            pci_devices=[f'0{bus}:00.1|10GE' for bus in range(2, 9)],
        )
        specs = whitelist.Whitelist([])
        record = devices.device('0000:01:00.0')
        with mock.patch.object(
            offered_devices,
            'properties_of',
            wraps=offered_devices.properties_of,
        ) as properties_of:
            specs.get_devspec(record)
            specs.device_assignable(REPORTED)
        self.assertEqual(2, properties_of.call_count)

    def test_attributes_are_recorded_with_the_device(self) -> None:
        self.offer('[{"vendor_id": "8086"}, {"e.group": "gpu"}]')
        reported = dict(REPORTED)
        spec = whitelist.Whitelist([]).device_assignable(reported)
        spec.enhanced_pci_device_with_spec_tags(reported)
        record = devices.device(**reported)
        self.assertEqual('gpu', record.extra_info['e.group'])

    def test_device_spec_of_nova_still_works(self) -> None:
        self.offer('[{"vendor_id": "10de"}, {}]')
        specs = whitelist.Whitelist(['{"vendor_id": "8086", "tag": "t"}'])
        self.assertEqual(
            {'tag': 't'}, specs.device_assignable(REPORTED).get_tags()
        )

    def test_matches_domains_other_than_0000(self) -> None:
        self.offer('[{"address": "0001:*:*.*"}, {"e.x": "y"}]')
        self.assertIsNone(self.attributes())
        self.assertEqual({'e.x': 'y'}, self.attributes(address='0001:01:00.0'))

    def test_does_not_offer_devices_in_32_bit_domains(self) -> None:
        self.offer('[{"vendor_id": "8086"}, {}]')
        self.assertIsNone(self.attributes(address='10000:01:00.0'))
        self.assertIsNone(self.attributes(parent_addr='10000:01:00.0'))

    def test_error_names_an_entry_that_does_not_parse(self) -> None:
        self.offer('[{"vendor_id": "(8086"}, {}]')
        error = self.assertRaises(
            exception.InvalidPciInformation, whitelist.Whitelist, []
        )
        self.assertIn('(8086', error.format_message())
        self.assertIn('pci_information', error.format_message())
