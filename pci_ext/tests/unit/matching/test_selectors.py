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

import copy

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from pci_ext import exception
from pci_ext.matching import selectors

GPU = {
    'vendor_id': '8086',
    'product_id': '0001',
    'address': '0000:06:00.0',
    'parent_addr': None,
    'e.group': 'gpu',
}


class TestSelector(base.BaseTestCase):
    def _reason(self, specs):
        error = self.assertRaises(
            exception.InvalidSelector, selectors.Selector, specs
        )
        return error.kwargs['reason']

    def test_all_patterns_must_match(self):
        selector = selectors.Selector(
            {'vendor_id': '8086', 'product_id': '000[1-2]'}
        )
        self.assertTrue(selector.matches(GPU))
        self.assertFalse(selector.matches({**GPU, 'product_id': '0003'}))
        self.assertFalse(selector.matches({**GPU, 'vendor_id': '10de'}))

    def test_absent_or_none_matches_no_pattern(self):
        for pattern in ('*', '.*', 'x', ''):
            for key in ('e.absent', 'class'):
                selector = selectors.Selector({'e.absent': pattern})
                self.assertFalse(selector.matches(GPU), key)
        self.assertFalse(selectors.Selector({'parent_addr': '*'}).matches(GPU))
        self.assertTrue(selectors.Selector({'e.group': '*'}).matches(GPU))

    def test_without_keys_matches_every_device(self):
        self.assertTrue(selectors.Selector({}).matches(GPU))

    def test_device_id_is_another_name_of_product_id(self):
        selector = selectors.Selector({'device_id': '0x0001'})
        self.assertEqual({'product_id': '0x0001'}, selector.specs)
        self.assertEqual({'product_id'}, selector.keys)
        self.assertTrue(selector.matches(GPU))

    def test_device_id_beside_product_id_is_refused(self):
        self.assertIn(
            'another name',
            self._reason({'product_id': '0001', 'device_id': '0002'}),
        )

    def test_numbers_are_refused(self):
        self.assertIn('must be strings', self._reason({'numa_node': 1}))
        self.assertIn('must be strings', self._reason({1: 'x'}))

    def test_bad_keys_are_refused(self):
        self.assertIn('is empty', self._reason({'': 'x'}))
        self.assertIn('white space', self._reason({' e.x': 'x'}))
        self.assertIn('printed', self._reason({'e.\n.x': 'x'}))
        self.assertIn('longer than 255', self._reason({'x' * 256: 'x'}))

    def test_bad_pattern_is_refused(self):
        error = self.assertRaises(
            exception.InvalidPattern, selectors.Selector, {'e.group': '('}
        )
        self.assertIn('e.group', str(error))
        self.assertIn("'('", str(error))

    def test_selectors_with_equal_specs_are_equal(self):
        one = selectors.Selector({'vendor_id': '8086', 'e.x': 'a[b]'})
        same = selectors.Selector({'e.x': 'a[b]', 'vendor_id': '8086'})
        self.assertEqual(one, same)
        self.assertEqual(hash(one), hash(same))
        self.assertNotEqual(one, selectors.Selector({'e.x': 'a[b]'}))
        self.assertNotEqual(one, one.specs)

    def test_copies_match_the_same_devices(self):
        selector = selectors.Selector({'e.group': '[g]pu', 'vendor_id': '*'})
        self.assertTrue(copy.deepcopy(selector).matches(GPU))
        self.assertEqual(selector, copy.deepcopy(selector))

    @given(st.dictionaries(st.text(), st.text()))
    def test_any_specs_compile_or_are_invalid(self, specs):
        try:
            selector = selectors.Selector(specs)
        except (exception.InvalidSelector, exception.InvalidPattern):
            return
        self.assertEqual(len(specs), len(selector.keys))


class TestValidateFlavorKeys(base.BaseTestCase):
    def test_keys_of_one_machine_or_slot_are_refused(self):
        for key in (
            'address',
            'parent_addr',
            'dev_id',
            'host',
            'compute_node_id',
            'pci_flavor',
            'pci_name',
            'live_migratable',
            'one_time_use',
        ):
            error = self.assertRaises(
                exception.InvalidSelector,
                selectors.validate_flavor_keys,
                {'vendor_id': '8086', key: '*'},
            )
            self.assertEqual(key, error.kwargs['key'])

    def test_other_keys_are_accepted(self):
        selectors.validate_flavor_keys(
            {'vendor_id': '8086', 'device_id': '0001', 'e.address': 'x'}
        )
