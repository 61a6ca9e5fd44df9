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
from pci_ext.matching import request_grammar

TEXTS = st.one_of(
    st.text(), st.text('019ab,;: \n²٣'), st.text('1:a,b;').map('1:x;'.__add__)
)


def _is_name(name):
    try:
        request_grammar.validate_name(name)
    except exception.InvalidPciFlavor:
        return False
    return True


NAMES = st.text(min_size=1, max_size=8).filter(_is_name)
REQUESTS = st.builds(
    request_grammar.Request,
    st.integers(1, 20),
    st.lists(NAMES, min_size=1, max_size=4, unique=True).map(tuple),
)


class TestParseRequests(base.BaseTestCase):
    def _reason(self, text, parse=request_grammar.parse_requests):
        error = self.assertRaises(exception.MalformedPciRequest, parse, text)
        return error.kwargs['reason']

    def test_alternatives_and_several_requests(self):
        self.assertEqual(
            (
                request_grammar.Request(1, ('IntelGPU', 'NvGPU')),
                request_grammar.Request(2, ('QuickAssist',)),
            ),
            request_grammar.parse_requests('1:IntelGPU,NvGPU;2:QuickAssist'),
        )

    def test_trailing_semicolon_and_missing_count(self):
        for text in ('1:bigGPU;', 'bigGPU', ' 1 : bigGPU ; ', 'bigGPU;'):
            self.assertEqual(
                (request_grammar.Request(1, ('bigGPU',)),),
                request_grammar.parse_requests(text),
            )

    def test_names_keep_their_inner_spaces(self):
        self.assertEqual(
            (request_grammar.Request(1, ('big GPU', '0 GPU')),),
            request_grammar.parse_requests('1: big GPU , 0 GPU'),
        )

    def test_empty_items_are_refused(self):
        for text in ('', ' ', ';', '1:a;;', ';1:a', '1:', '1:a,', '1:,a'):
            self.assertIn('empty', self._reason(text), text)

    def test_counts_out_of_bounds_are_refused(self):
        for text in ('0:a', '257:a', '10000:a', '1:b;999999999:a'):
            self.assertIn('not from 1 to 256', self._reason(text), text)

    def test_counts_that_are_no_numbers_are_refused(self):
        for text in ('-1:a', '+1:a', '1.5:a', 'a:2', '1:2:a', '²:a', '٣:a'):
            self.assertIn('is not a count', self._reason(text), text)
        self.assertIn('is not a count', self._reason('9' * 10000 + ':a'))

    def test_total_is_bounded(self):
        request_grammar.parse_requests('255:a;1:b')
        self.assertIn('more than 256', self._reason('256:a;1:b'))
        self.assertIn('more than 256', self._reason('a;' * 10**6))

    def test_alternative_named_twice_is_refused(self):
        self.assertIn('twice', self._reason('1:a,b,a'))

    def test_many_alternatives_are_refused(self):
        names = [f'a{number}' for number in range(33)]
        request_grammar.parse_requests(','.join(names[:32]))
        self.assertIn('alternatives', self._reason(','.join(names)))

    def test_bad_names_are_refused(self):
        self.assertIn('all digits', self._reason('1:10'))
        self.assertIn('longer than 255', self._reason('1:' + 'x' * 256))
        self.assertIn('printed', self._reason('1:a\0b'))

    def test_message_does_not_grow_with_the_text(self):
        error = self.assertRaises(
            exception.MalformedPciRequest,
            request_grammar.parse_requests,
            '1:' + 'x' * 10**6,
        )
        self.assertLess(len(str(error)), 1000)

    def test_parse_names(self):
        self.assertEqual(
            ('10GE', '10GE', 'fpga'),
            request_grammar.parse_names('10GE, 10GE,fpga'),
        )

    def test_parse_names_refuses_bad_texts(self):
        for text, reason in (
            ('', 'empty'),
            ('a,', 'empty'),
            ('1:a', 'one of the characters'),
            ('a;b', 'one of the characters'),
            ('7', 'all digits'),
            ('a,' * 256 + 'a', 'more than 256'),
        ):
            self.assertIn(
                reason, self._reason(text, request_grammar.parse_names)
            )

    @given(TEXTS)
    def test_any_text_parses_and_prints_back_or_is_invalid(self, text):
        try:
            parsed = request_grammar.parse_requests(text)
        except exception.MalformedPciRequest as error:
            self.assertNotEqual('', error.kwargs['reason'])
            return
        printed = request_grammar.format_requests(parsed)
        self.assertEqual(parsed, request_grammar.parse_requests(printed))

    @given(st.lists(REQUESTS, min_size=1, max_size=8).map(tuple))
    def test_requests_print_and_parse_back(self, requests):
        printed = request_grammar.format_requests(requests)
        self.assertEqual(requests, request_grammar.parse_requests(printed))
        self.assertEqual(
            requests, request_grammar.parse_requests(printed + ';')
        )

    @given(TEXTS)
    def test_any_text_is_names_or_invalid(self, text):
        try:
            names = request_grammar.parse_names(text)
        except exception.MalformedPciRequest:
            return
        self.assertEqual(names, request_grammar.parse_names(','.join(names)))


class TestValidateName(base.BaseTestCase):
    def test_accepts_valid_names(self):
        for name in ('bigGPU', '10GE', 'big GPU', 'x' * 255, 'größe', '1-2'):
            request_grammar.validate_name(name)

    def test_refuses_invalid_names(self):
        for name, reason in (
            ('', 'is empty'),
            ('x' * 256, 'longer than 255'),
            ('0', 'all digits'),
            ('0123', 'all digits'),
            ('a,b', 'one of the characters'),
            ('a;b', 'one of the characters'),
            ('a:b', 'one of the characters'),
            (' a', 'white space'),
            ('a\n', 'white space'),
            ('a\tb', 'printed'),
            ('\ud800', 'printed'),
            ('_flavor_attrs', 'reserved'),
        ):
            error = self.assertRaises(
                exception.InvalidPciFlavor, request_grammar.validate_name, name
            )
            self.assertEqual('name', error.kwargs['field'])
            self.assertIn(reason, error.kwargs['reason'])
