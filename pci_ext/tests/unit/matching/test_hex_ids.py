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

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from pci_ext import exception
from pci_ext.matching import patterns


class TestHexIds(base.BaseTestCase):
    def _matches(self, key, pattern, *values):
        compiled = patterns.compile_pattern(key, pattern)
        return [value for value in values if compiled.matches(value)]

    def test_literal_ignores_case_and_prefix(self):
        for text in ('10de', '10DE', '0x10de', '0X10DE'):
            self.assertEqual(
                ['10de', '10DE', '0x10de'],
                self._matches(
                    'vendor_id', text, '10de', '10DE', '0x10de', '10df', '0'
                ),
            )

    def test_leading_zeros_may_be_left_out(self):
        self.assertEqual(
            ['000a', '0x000a'],
            self._matches('product_id', '0xa', '000a', '0x000a', '00a0'),
        )

    def test_class(self):
        self.assertEqual(
            ['0x030000', '030000'],
            self._matches('class', '0x030000', '0x030000', '030000', '030200'),
        )
        self.assertEqual(
            ['0x030000', '030200'],
            self._matches('class', '03....', '0x030000', '030200', '020000'),
        )

    def test_class_of_four_digits_is_class_and_subclass(self):
        values = ('0x030200', '030210', '030000', '000302', '0x120000')
        for text, matched in (
            ('0302', values[:2]),
            ('0x0302', values[:2]),
            ('0302|0380|0x1200', (*values[:2], values[4])),
            ('03..', values[:3]),
            ('0302..', values[:2]),
        ):
            self.assertEqual(
                list(matched), self._matches('class', text, *values), text
            )

    def test_what_matches_no_id_is_refused(self):
        for key, text, reason in (
            ('vendor_id', 'NVIDIA', 'not a hexadecimal number of up to 4'),
            ('vendor_id', '10de:20b0', 'not a hexadecimal number'),
            ('vendor_id', '[10de:20b0]', 'no hexadecimal number of 4 digits'),
            ('vendor_id', ' 10de', 'not a hexadecimal number'),
            ('vendor_id', '10de ', 'not a hexadecimal number'),
            ('vendor_id', '010de', 'not a hexadecimal number'),
            ('vendor_id', '10d', None),
            ('vendor_id', 'NVIDIA|AMD', 'no hexadecimal number'),
            ('vendor_id', r'\A10de\z', None),
            ('product_id', '20b.', None),
            ('product_id', '20b', None),
            ('product_id', '20b.*', None),
            ('product_id', '2[0-9]b*x', 'no hexadecimal number'),
            ('device_id', 'x', 'not a hexadecimal number'),
            ('class', 'VGA', 'not a hexadecimal number of up to 6'),
            ('class', '03', 'write 4 digits'),
            ('class', '30200', 'write 4 digits'),
        ):
            if reason is None:
                patterns.compile_pattern(key, text)
                continue
            error = self.assertRaises(
                exception.InvalidPattern, patterns.compile_pattern, key, text
            )
            self.assertIn(reason, str(error), text)

    def test_expression(self):
        self.assertEqual(
            ['0001', '0x0002'],
            self._matches('product_id', '000[1-2]', '0001', '0x0002', '0003'),
        )

    def test_expression_ignores_case_and_prefix(self):
        for text in (
            '(8086|10de)',
            '(8086|10DE)',
            '0x8086|0x10de',
            '(0x8086|0X10DE)',
            '(?:0x8086|0x10de)',
            '(?P<id>0x8086|0x10de)',
            '(?i)0x8086|10de',
            '^0x8086$|10de',
            '(0x)?(8086|10de)',
        ):
            self.assertEqual(
                ['8086', '0x8086', '10DE'],
                self._matches(
                    'vendor_id', text, '8086', '0x8086', '10DE', '1af4'
                ),
                text,
            )

    def test_negated_class_does_not_match_the_prefix(self):
        self.assertEqual(
            ['0x10de'],
            self._matches('vendor_id', '[^8].*', '0x8086', '0x10de'),
        )

    def test_prefix_in_a_class_is_not_removed(self):
        self.assertEqual(
            ['8086', 'x086'],
            self._matches('vendor_id', '[(0x8]086', '8086', 'x086', '1086'),
        )

    def test_empty_is_refused(self):
        for text in ('', '0x'):
            error = self.assertRaises(
                exception.InvalidPattern,
                patterns.compile_pattern,
                'vendor_id',
                text,
            )
            self.assertIn('empty', str(error))

    @given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
    def test_ids_are_compared_as_numbers(self, requested, reported):
        for form in ('%x', '0x%x', '0X%04X', '%04x'):
            pattern = patterns.compile_pattern('product_id', form % requested)
            for value in ('0x%04x' % reported, '%04X' % reported):
                self.assertEqual(requested == reported, pattern.matches(value))
