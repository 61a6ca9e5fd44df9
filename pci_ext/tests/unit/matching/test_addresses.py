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
from pci_ext.matching import addresses
from pci_ext.matching import patterns

ADDRESSES = st.tuples(
    st.one_of(
        st.integers(0, 2), st.integers(0xFFFF, 0x10001), st.just(0xFFFFFFFF)
    ),
    st.one_of(st.integers(0, 2), st.integers(0, 0xFF)),
    st.one_of(st.integers(0, 2), st.integers(0, 0x1F)),
    st.integers(0, 7),
)


class TestAddressPatterns(base.BaseTestCase):
    def _matches(self, pattern, *values):
        compiled = patterns.compile_pattern('address', pattern)
        return [value for value in values if compiled.matches(value)]

    def _reason(self, pattern):
        error = self.assertRaises(
            exception.InvalidPattern,
            patterns.compile_pattern,
            'address',
            pattern,
        )
        return error.kwargs['reason']

    def test_full_address(self):
        self.assertEqual(
            ['0000:0a:00.1', '0000:0A:00.1'],
            self._matches(
                '0000:0a:00.1',
                '0000:0a:00.1',
                '0000:0A:00.1',
                '0000:0a:00.0',
                '0001:0a:00.1',
                '10000:0a:00.1',
            ),
        )

    def test_domains_of_32_bits(self):
        self.assertEqual(
            ['10000:e1:00.0'],
            self._matches('10000:e1:00.0', '10000:e1:00.0', '0000:e1:00.0'),
        )
        self.assertEqual(
            ['ffffffff:00:00.0'],
            self._matches('ffffffff:0:0.0', 'ffffffff:00:00.0'),
        )

    def test_parent_addr_is_an_address(self):
        pattern = patterns.compile_pattern('parent_addr', '06:0.*')
        self.assertTrue(pattern.matches('0000:06:00.1'))
        self.assertFalse(pattern.matches('0000:07:00.1'))

    def test_missing_and_star_fields_match_any(self):
        values = (
            '0000:28:00.1',
            '0001:28:00.1',
            '0000:29:00.1',
            '0000:28:00.2',
            '0000:28:01.1',
        )
        for pattern, matched in (
            ('28:00.1', values[:2]),
            ('*:28:00.1', values[:2]),
            (':28:00.1', values[:2]),
            ('00.1', values[:3]),
            ('28:00', (*values[:2], values[3])),
            ('28:*.1', (*values[:2], values[4])),
            ('0000:28:00.*', (values[0], values[3])),
            ('0000:28:00.', (values[0], values[3])),
            ('*:*:*.*', values),
            ('*', values),
        ):
            self.assertEqual(
                list(matched), self._matches(pattern, *values), pattern
            )

    def test_expression_per_field(self):
        values = (
            '0000:06:00.0',
            '0000:06:00.7',
            '0000:07:00.0',
            '0000:06:1f.0',
            '10000:06:00.0',
        )
        for pattern, matched in (
            ('0000:06:00.[0-7]', values[:2]),
            ('0000:06:00.[0-3]', values[:1]),
            (r'0000:06:00\.[0-7]', values[:2]),
            ('0000:06:00..*', values[:2]),
            ('0000:06:.*.0', (values[0], values[3])),
            ('0000:06:[^1]..0', values[:1]),
            ('0000:06|07:00.0', (values[0], values[2])),
            ('0000:(?:06|07):00.(0|1)', (values[0], values[2])),
            ('.*0000:06:00.0', (values[0], values[4])),
            ('0000:06:1[A-F].0', (values[3],)),
            ('00.0', (values[0], values[2], values[4])),
        ):
            self.assertEqual(
                list(matched), self._matches(pattern, *values), pattern
            )

    def test_range(self):
        self.assertEqual(
            [
                '0000:06:00.0',
                '0000:06:00.7',
                '0000:06:01.7',
            ],
            self._matches(
                '0000:06:00.0-0000:06:01.7',
                '0000:05:1f.7',
                '0000:06:00.0',
                '0000:06:00.7',
                '0000:06:01.7',
                '0000:06:02.0',
                '10000:06:00.0',
            ),
        )

    def test_range_without_domain(self):
        self.assertEqual(
            ['0000:06:00.1', '0001:06:00.2'],
            self._matches(
                '06:00.1 - 06:00.2',
                '0000:06:00.0',
                '0000:06:00.1',
                '0001:06:00.2',
                '0000:06:00.3',
            ),
        )

    def test_value_that_is_no_address_does_not_match(self):
        self.assertEqual(
            [], self._matches('*:*:*.*', '', 'x', '06:00', '0:0:0.8', '٠٠.٠')
        )

    def test_value_without_domain_is_in_domain_0(self):
        self.assertEqual(['06:00.1'], self._matches('0:6:0.1', '06:00.1'))

    def test_bad_addresses_are_refused_with_the_reason(self):
        for pattern, reason in (
            ('', 'it is empty'),
            ('  ', 'it is empty'),
            ('hello', "the slot, 'hello', is not a hexadecimal number"),
            ('0000:0g:00.0', "the bus, '0g', is not a hexadecimal number"),
            ('0:0:0:0.0', 'more fields than DOMAIN:BUS:SLOT.FUNCTION'),
            ('100000000:0:0.0', 'domain 100000000 is greater than ffffffff'),
            ('0:100:0.0', 'bus 100 is greater than ff'),
            ('0:0:20.0', 'slot 20 is greater than 1f'),
            ('0:0:0.8', 'function 8 is greater than 7'),
            ('0:0:0.[0', "the function, '[0'"),
            ('0:[0]:0.0', "the bus, '[0]': no bus matches it"),
            ('0:6[gx]:0.0', "the bus, '6[gx]': no bus matches it"),
            ('0:6:[2-9][0-9].0', 'no slot matches it'),
            ('0:6:0.[8-9]', 'no function matches it'),
            ('0:6.0.0', 'no slot matches it'),
            ('0000.06.00.0', 'no slot matches it'),
            ('(0:0:0.0|0:0:0.1)', 'is not a hexadecimal number'),
            ('0:6:1.0-0:6:0.7', 'the range ends before it starts'),
            ('0:6:1.0-7', "'7' is not a PCI address"),
            ('0:6:1.0-6:1.7', 'must name the same fields'),
            ('0:6:1.*-0:6:2.*', "'0:6:1.*' is not a PCI address"),
            ('0:6:0.0-0:6:0.z', "'0:6:0.z' is not a PCI address"),
            ('0:6:0.0-0:6:0.8', 'function 8 is greater than 7'),
            ('0:6:0.0-0:6:20.0', 'slot 20 is greater than 1f'),
        ):
            self.assertIn(reason, self._reason(pattern), pattern)

    @given(ADDRESSES, ADDRESSES, ADDRESSES)
    def test_range_matches_the_addresses_between(self, first, second, other):
        start, end = sorted((first, second))
        pattern = '-'.join(map(addresses.format_address, (start, end)))
        for address in (start, end, other):
            value = addresses.format_address(address)
            self.assertEqual(
                [value] if start <= address <= end else [],
                self._matches(pattern, value),
            )

    @given(ADDRESSES, st.sets(st.integers(0, 3)), ADDRESSES)
    def test_stars_match_any(self, address, starred, other):
        fields = [
            '*' if index in starred else '%x' % field
            for index, field in enumerate(address)
        ]
        expected = all(
            index in starred or address[index] == other[index]
            for index in range(4)
        )
        value = addresses.format_address(other)
        self.assertEqual(
            [value] if expected else [],
            self._matches('{}:{}:{}.{}'.format(*fields), value),
        )

    @given(ADDRESSES)
    def test_parses_a_formatted_address(self, address):
        self.assertEqual(
            address,
            addresses.parse_address(addresses.format_address(address)),
        )


class TestNodeDeviceName(base.BaseTestCase):
    def test_node_device_name(self) -> None:
        self.assertEqual(
            'pci_10000_e1_1f_7', addresses.node_device_name('10000:e1:1f.7')
        )

    def test_address_of_node_device(self) -> None:
        for address in '10000:e1:1f.7', '0000:06:00.1':
            name = addresses.node_device_name(address)
            self.assertEqual(address, addresses.address_of_node_device(name))
        for name in 'computer', 'net_eth0_pci_0000_06_00_1', '':
            self.assertIsNone(addresses.address_of_node_device(name))
