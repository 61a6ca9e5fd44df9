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

import json

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from pci_ext import exception
from pci_ext.matching import device_specs
from pci_ext.matching import selectors

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(('vendor_id', 'address', 'e.a', 'e.', 'e')), inner
        )
    ),
)


def first_match(specs, properties):
    """Return the device spec that a device belongs to."""
    matching = (spec for spec in specs if spec.selector.matches(properties))
    return next(matching, None)


class TestParsePciInformation(base.BaseTestCase):
    def _parse(self, entry):
        return device_specs.parse_pci_information(entry)

    def _reason(self, entry):
        error = self.assertRaises(
            exception.InvalidPciInformation, self._parse, entry
        )
        self.assertEqual('pci_information', error.kwargs['option'])
        self.assertEqual(entry[:1024], error.kwargs['entry'])
        return error.kwargs['reason']

    def test_selector_and_attributes(self):
        spec = self._parse(
            '[{"device_id": "000[1-2]", "vendor_id": "8086"},'
            ' {"e.group": "gpu"}]'
        )
        self.assertEqual(
            device_specs.DeviceSpec(
                selectors.Selector(
                    {'vendor_id': '8086', 'product_id': '000[1-2]'}
                ),
                {'e.group': 'gpu'},
            ),
            spec,
        )

    def test_without_attributes(self):
        self.assertEqual({}, self._parse('[{"class": "*"}, {}]').attributes)

    def test_anything_but_two_objects_is_refused(self):
        for entry in (
            '{}',
            '[]',
            '[{}]',
            '[{}, {}, {}]',
            '[{}, []]',
            '["a", "b"]',
            '"ab"',
            'null',
            '1',
            'NaN',
        ):
            self.assertIn('list of two objects', self._reason(entry), entry)

    def test_text_that_is_not_json_is_refused(self):
        self.assertIn('line 1 column 7', self._reason('[{}, {]'))
        self.assertIn('not JSON', self._reason(''))
        self.assertIn('not JSON', self._reason("[{'a': 'b'}, {}]"))
        self.assertIn('nested', self._reason('[' * 65000))
        self.assertIn('longer than', self._reason('[' * 65536))

    def test_words_of_nova_are_refused_in_selectors(self):
        for key, advice in (
            ('physical_network', 'write e.physical_network'),
            ('trusted', 'write e.trusted'),
            ('device_type', 'write dev_type'),
            ('devname', 'write address'),
            ('managed', 'a tag for [pci] device_spec'),
            ('resource_class', 'into the second object'),
            ('traits', 'into the second object'),
            ('one_time_use', 'a tag for [pci] device_spec'),
            ('e.group', 'into the second object'),
        ):
            reason = self._reason(
                f'[{{"vendor_id": "*", "{key}": "x"}}, {{}}]'
            )
            self.assertIn(f"'{key}'", reason)
            self.assertIn(advice, reason)

    def test_numbers_are_refused(self):
        for entry in (
            '[{"numa_node": 1}, {}]',
            '[{}, {"e.rack": 7}]',
            '[{"vendor_id": ["8086"]}, {}]',
            '[{}, {"e.rack": null}]',
        ):
            self.assertIn('string', self._reason(entry), entry)
        self.assertIn("'e.rack'", self._reason('[{}, {"e.rack": 7}]'))

    def test_a_repeated_key_is_refused(self):
        self.assertIn('twice', self._reason('[{"a": "1", "a": "2"}, {}]'))

    def test_keys_of_attributes_start_with_e(self):
        for key in ('group', 'E.group', ' e.group', 'x.e.', ''):
            entry = json.dumps([{}, {key: 'x'}])
            self.assertIn('does not start', self._reason(entry), entry)
        for key in ('e.', 'e. ', 'e.a,b', 'e.a\n', 'e.\ud800'):
            entry = json.dumps([{}, {key: 'x'}])
            self.assertIn('needs a name', self._reason(entry), entry)

    def test_resource_class_and_traits_are_no_attributes(self):
        spec = self._parse(
            '[{}, {"e.a": "b", "resource_class": "GPU", "traits": "A,b"}]'
        )
        self.assertEqual({'e.a': 'b'}, spec.attributes)
        self.assertEqual(
            {'resource_class': 'GPU', 'traits': 'A,b'}, spec.placement
        )
        for value in (1, '', ['A'], 'a\u0000', 'x' * 256):
            for key in ('resource_class', 'traits'):
                reason = self._reason(json.dumps([{}, {key: value}]))
                self.assertIn(f'attribute {key!r}: its ', reason)

    def test_bad_values_of_attributes_are_refused(self):
        self.assertIn('empty', self._reason('[{}, {"e.x": ""}]'))
        self.assertIn('printed', self._reason('[{}, {"e.x": "a\\u0000"}]'))
        self.assertIn('printed', self._reason('[{}, {"e.x": "\\ud800"}]'))

    def test_sizes_are_bounded(self):
        longest = {'e.' + 'x' * 253: 'y' * 255}
        self.assertEqual(
            longest, self._parse(json.dumps([{}, longest])).attributes
        )
        for attributes in ({'e.' + 'x' * 254: 'y'}, {'e.x': 'y' * 256}):
            self.assertIn(
                'longer than 255', self._reason(json.dumps([{}, attributes]))
            )
        many = {f'e.{number}': 'x' * 255 for number in range(64)}
        self.assertIn('together', self._reason(json.dumps([{}, many])))

    def test_bad_selector_is_refused(self):
        self.assertIn(
            'vendor_id', self._reason('[{"vendor_id": "(8086"}, {}]')
        )
        self.assertIn(
            'function 8 is greater than 7',
            self._reason('[{"address": "0000:06:00.8"}, {}]'),
        )
        self.assertIn('is empty', self._reason('[{"": "x"}, {}]'))

    @given(
        st.one_of(
            st.text(),
            st.text('[]{}",:0ae.\\ '),
            JSON.map(json.dumps),
            st.tuples(JSON, JSON).map(json.dumps),
        )
    )
    def test_any_text_parses_or_is_invalid(self, entry):
        try:
            spec = self._parse(entry)
        except exception.InvalidPciInformation as error:
            self.assertNotEqual('', error.kwargs['reason'])
            return
        again = self._parse(json.dumps([spec.selector.specs, spec.attributes]))
        self.assertEqual(spec, again)


class TestParsePciDevices(base.BaseTestCase):
    def _parse(self, *items):
        return device_specs.parse_pci_devices(items)

    def _reason(self, *items):
        error = self.assertRaises(
            exception.InvalidPciInformation, self._parse, *items
        )
        self.assertEqual('pci_devices', error.kwargs['option'])
        self.assertEqual(items[-1], error.kwargs['entry'])
        return error.kwargs['reason']

    def test_names_of_devices(self):
        specs = self._parse('28:00.1|10GE', ' 28:00.2 | big card ')
        self.assertEqual(
            [{'e.name': '10GE'}, {'e.name': 'big card'}],
            [spec.attributes for spec in specs],
        )
        for address, index in (
            ('0000:28:00.1', 0),
            ('0000:28:00.2', 1),
            ('0000:28:00.3', None),
        ):
            self.assertIs(
                None if index is None else specs[index],
                first_match(specs, {'address': address}),
            )

    def test_missing_domain_is_0000(self):
        specs = self._parse('28:00.1|10GE')
        self.assertIsNone(first_match(specs, {'address': '0001:28:00.1'}))

    def test_domain_of_32_bits(self):
        specs = self._parse('10000:E1:00.0|nvme')
        self.assertIs(
            specs[0],
            first_match(specs, {'address': '10000:e1:00.0'}),
        )

    def test_empty_option(self):
        self.assertEqual((), self._parse())

    def test_bad_items_are_refused(self):
        for item, reason in (
            ('', 'ADDRESS|NAME'),
            ('28:00.1', 'ADDRESS|NAME'),
            ('|10GE', 'is not a PCI address'),
            ('28:00.*|10GE', 'is not a PCI address'),
            ('00.1|10GE', 'no bus'),
            ('28:20.1|10GE', 'slot 20 is greater than 1f'),
            ('28:00.1|', 'is empty'),
            ('28:00.1|100', 'all digits'),
            ('28:00.1|a;b', 'one of the characters'),
        ):
            self.assertIn(reason, self._reason('28:00.7|ok', item), item)

    def test_device_named_twice_is_refused(self):
        self.assertIn(
            'already has a name',
            self._reason('28:00.1|a', '0000:28:00.1|b'),
        )

    @given(st.lists(st.one_of(st.text(), st.text('0128:.|aG')), max_size=3))
    def test_any_items_parse_or_are_invalid(self, items):
        try:
            specs = self._parse(*items)
        except exception.InvalidPciInformation:
            return
        self.assertEqual(len(items), len(specs))


class TestFirstMatch(base.BaseTestCase):
    def test_first_match_wins(self):
        first, second = (
            device_specs.parse_pci_information(entry)
            for entry in (
                '[{"product_id": "0001"}, {"e.group": "one"}]',
                '[{"vendor_id": "8086"}, {"e.group": "all"}]',
            )
        )
        specs = (first, second)
        device = {'vendor_id': '8086', 'product_id': '0001'}
        self.assertIs(first, first_match(specs, device))
        device['product_id'] = '0002'
        self.assertIs(second, first_match(specs, device))
        device['vendor_id'] = '10de'
        self.assertIsNone(first_match(specs, device))
