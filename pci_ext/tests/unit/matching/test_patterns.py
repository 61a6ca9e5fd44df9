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

KEYS = st.sampled_from(
    ('vendor_id', 'product_id', 'class', 'address', 'e.group', 'dev_type')
)
# Texts similar to patterns find more faults than arbitrary texts.
TEXTS = st.one_of(
    st.text(),
    st.text('019aAfFxX*.?+|()[]{}^$\\-:,PQE<>=! \ud800'),
    st.from_regex(r'\A[0-9a-f*]*:[0-9a-f*]*:[0-9a-f*]*\.[0-9a-f*\[\]-]*\Z'),
)


class TestCompilePattern(base.BaseTestCase):
    def _matches(self, key, pattern, *values):
        compiled = patterns.compile_pattern(key, pattern)
        return [value for value in values if compiled.matches(value)]

    def _reason(self, key, pattern):
        error = self.assertRaises(
            exception.InvalidPattern, patterns.compile_pattern, key, pattern
        )
        self.assertEqual(key, error.kwargs['key'])
        self.assertEqual(pattern, error.kwargs['value'])
        return error.kwargs['reason']

    def test_literal_is_matched_whole_and_with_case(self):
        self.assertEqual(
            ['gpu'],
            self._matches('e.group', 'gpu', 'gpu', 'GPU', 'gpus', 'a gpu'),
        )

    def test_regular_expression_is_matched_whole(self):
        self.assertEqual(
            ['1', '3'], self._matches('e.QAclass', '(1|3)', '1', '2', '3')
        )
        self.assertEqual(
            ['a', 'ab'], self._matches('e.x', 'a|ab', 'a', 'ab', 'abc', 'ba')
        )

    def test_expression_is_case_sensitive(self):
        self.assertEqual(['ab'], self._matches('e.x', 'a[b]', 'ab', 'AB'))

    def test_star_alone_matches_any_value(self):
        values = ['', 'x', '\ud800', 'a\nb']
        self.assertEqual(values, self._matches('e.x', '*', *values))

    def test_star_is_literal_when_escaped(self):
        self.assertEqual(
            ['*'], self._matches('e.x', patterns.literal('*'), '*', 'x')
        )

    def test_what_matches_no_value_is_refused(self):
        for key, text in (
            ('dev_type', 'PF'),
            ('dev_type', 'type-pf'),
            ('dev_type', 'type-PF '),
            ('dev_type', 'type-p.'),
            ('numa_node', '0x0'),
            ('numa_node', '-1'),
            ('numa_node', '[a-f]'),
        ):
            self.assertIn('no value matches', self._reason(key, text))
        self.assertIn('type-VF, vdpa', self._reason('dev_type', 'VF'))
        for key, text in (
            ('dev_type', 'vdpa'),
            ('dev_type', 'type-(PF|VF)'),
            ('dev_type', '*'),
            ('numa_node', '15'),
            ('numa_node', '[0-3]'),
        ):
            patterns.compile_pattern(key, text)

    def test_look_around_and_back_references_are_refused(self):
        self.assertIn('RE2', self._reason('e.x', '(?<=a)b'))
        self.assertIn('RE2', self._reason('e.x', r'(a)\1'))

    def test_expression_that_would_need_much_memory_is_refused(self):
        self.assertIn('too large', self._reason('e.x', r'[\pL]{20}'))
        self.assertIn('repetition', self._reason('e.x', '((a{99}){99}){99}'))

    def test_bad_expression_in_any_script_is_refused(self):
        self.assertIn('missing )', self._reason('e.x', '(é'))

    def test_expression_that_is_not_unicode_is_refused(self):
        self.assertIn('Unicode', self._reason('e.x', '(\ud800)'))

    def test_value_that_is_not_unicode_does_not_match(self):
        self.assertEqual([], self._matches('e.x', '(a|b)', '\ud800'))

    def test_long_pattern_is_refused(self):
        text = 'x' * patterns.MAX_LENGTH
        self.assertEqual([text], self._matches('e.x', text, text))
        error = self.assertRaises(
            exception.InvalidPattern,
            patterns.compile_pattern,
            'e.x',
            text + 'x' * 10**6,
        )
        self.assertIn('longer than 510', error.kwargs['reason'])
        self.assertLess(len(str(error)), 1000)

    def test_pattern_has_its_key_and_text(self):
        pattern = patterns.compile_pattern('e.x', 'a[b]')
        self.assertEqual(('e.x', 'a[b]'), (pattern.key, pattern.text))
        self.assertEqual("Pattern('e.x', 'a[b]')", repr(pattern))

    @given(KEYS, TEXTS, TEXTS)
    def test_any_text_compiles_or_is_invalid(self, key, text, value):
        try:
            pattern = patterns.compile_pattern(key, text)
        except exception.InvalidPattern as error:
            self.assertNotEqual('', error.kwargs['reason'])
        else:
            self.assertIsInstance(pattern.matches(value), bool)

    @given(
        st.one_of(st.text(max_size=255), TEXTS.filter(lambda t: len(t) < 256)),
        TEXTS,
    )
    def test_literal_matches_its_text_only(self, text, other):
        pattern = patterns.compile_pattern('e.x', patterns.literal(text))
        self.assertTrue(pattern.matches(text))
        self.assertEqual(text == other, pattern.matches(other))
