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

from oslotest import base

from pci_ext.matching import grouping

PROPERTIES = {
    'vendor_id': '8086',
    'product_id': '0001',
    'numa_node': None,
    'class': '0x030000',
    'e.fake': 'reported',
}
ATTRIBUTES = {'e.group': 'gpu', 'e.rack': '7'}


class TestPoolProperties(base.BaseTestCase):
    def _group(self, *attrs):
        return grouping.pool_properties(PROPERTIES, ATTRIBUTES, attrs)

    def test_properties_and_attributes(self):
        self.assertEqual(
            {'vendor_id': '8086', 'e.group': 'gpu'},
            self._group('vendor_id', 'e.group'),
        )

    def test_extra_info_is_all_attributes(self):
        self.assertEqual(
            {'class': '0x030000', 'e.group': 'gpu', 'e.rack': '7'},
            self._group('class', 'extra_info'),
        )

    def test_device_id_is_another_name_of_product_id(self):
        self.assertEqual({'product_id': '0001'}, self._group('device_id'))

    def test_missing_properties_are_left_out(self):
        self.assertEqual(
            {'vendor_id': '8086'},
            self._group('vendor_id', 'numa_node', 'subsystem', 'e.absent'),
        )

    def test_attributes_come_from_the_device_spec_only(self):
        self.assertEqual({}, self._group('e.fake'))

    def test_order_does_not_matter(self):
        self.assertEqual(
            self._group('vendor_id', 'extra_info', 'class'),
            self._group('class', 'extra_info', 'vendor_id', 'e.group'),
        )

    def test_without_grouping_attributes(self):
        self.assertEqual({}, self._group())


class TestExclusions(base.BaseTestCase):
    def test_pf_excludes_the_vfs_of_the_same_card(self):
        def part(dev_type, card):
            return {'dev_type': dev_type, 'address': f'0000:0{card}:00.0'}

        self.assertEqual(
            ((0, 1), (3, 2), (0, 4)),
            grouping.exclusions(
                [
                    part('type-PF', 1),
                    part('type-VF', 1),
                    part('type-VF', 2),
                    part('type-PF', 2),
                    part('vdpa', 1),
                    part('type-VF', 3),
                    {'dev_type': 'type-PF'},
                ]
            ),
        )
