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

import os
import sys

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from pci_ext.matching import expressions


class TestExpressions(base.BaseTestCase):
    @given(st.one_of(st.text(), st.text(r'\.+*?()|[]{}^$a-&~#')))
    def test_escaped_text_is_a_literal(self, text):
        self.assertEqual(text, expressions.unescape(expressions.escape(text)))

    @given(st.text(r'\.+*?()|[]{}^$a-&~# '))
    def test_re2_agrees_on_escaped_text(self, text):
        matches = expressions.compile_expression(expressions.escape(text))
        self.assertTrue(matches(text))
        self.assertFalse(matches(text + 'a'))

    def test_expressions_are_not_literals(self):
        for text in ('a*', '.', 'a|b', r'\d', r'\Qa\E', '[a]', '^a', 'a\\'):
            self.assertIsNone(expressions.unescape(text), text)

    def test_ignores_case_only_on_request(self):
        self.assertFalse(expressions.compile_expression('[a]')('A'))
        self.assertTrue(
            expressions.compile_expression('[a]', ignore_case=True)('A')
        )

    def test_time_is_linear(self):
        # Takes exponential time with the re module of Python.
        matches = expressions.compile_expression('(a*)*b')
        self.assertFalse(matches('a' * 10000))

    def test_re2_writes_nothing_to_stderr(self):
        # RE2 writes to the file descriptor, below sys.stderr.
        sys.stderr.flush()
        read, write = os.pipe()
        saved = os.dup(2)
        os.dup2(write, 2)
        try:
            self.assertRaises(
                ValueError, expressions.compile_expression, '(bad'
            )
            # Needs more states than fit into the memory allowed.
            matches = expressions.compile_expression('(?:a|b)*a(?:a|b){500}')
            matches('ab' * 5000)
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(write)
        with open(read, 'rb') as written:
            self.assertEqual(b'', written.read())
