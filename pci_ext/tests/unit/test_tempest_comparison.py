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

import io
import unittest

from oslotest import base
import subunit

from pci_ext.tests import verdicts
from pci_ext.tests.tempest import comparison
from pci_ext.tests.tempest import exclusions

SKIP, FAIL, PASS = 'skip', 'fail', 'success'


class TestComparison(base.BaseTestCase):
    """Two runs of the same tests."""

    def run_of(self, **by_test: str) -> verdicts.Verdicts:
        """Return the verdicts of a run, by way of its subunit stream."""
        stream = io.BytesIO()
        result = subunit.StreamResultToBytes(stream)
        for test, status in by_test.items():
            name = {FAIL: 'traceback', SKIP: 'reason'}.get(status)
            if name:
                for part in (b'why ', test.encode()):
                    result.status(test, file_name=name, file_bytes=part)
            result.status(test_id=test, test_status='inprogress')
            result.status(test_id=test, test_status=status)
        stream.seek(0)
        return verdicts.read(stream)

    def compare(
        self, without: dict[str, str], active: dict[str, str]
    ) -> comparison.Comparison:
        return comparison.Comparison(
            self.run_of(**without), self.run_of(**active)
        )

    def test_equal_verdicts(self) -> None:
        run = {'a': PASS, 'b': PASS, 'c': SKIP, 'd': FAIL}
        compared = self.compare(run, run)
        self.assertEqual([], compared.different)
        self.assertEqual(['d'], compared.failing)
        self.assertEqual(2, compared.count(PASS))
        self.assertEqual({'why c': 1}, compared.skipped())

    def test_different_verdicts(self) -> None:
        compared = self.compare(
            {'a': PASS, 'b': FAIL, 'c': PASS, 'd[id-1,smoke]': SKIP},
            {'a': PASS, 'b': PASS, 'c': FAIL, 'e': PASS},
        )
        self.assertEqual(['b', 'c', 'd[id-1,smoke]', 'e'], compared.different)
        self.assertEqual([], compared.failing)
        self.assertEqual(1, compared.count(PASS))
        self.assertEqual(
            [
                ['without', 'with', 'test'],
                ['fail', 'success', 'b'],
                ['success', 'fail', 'c'],
                ['skip', 'not', 'run', 'd'],
                ['not', 'run', 'success', 'e'],
            ],
            [line.split() for line in compared.table()],
        )
        text = '\n'.join(compared.tracebacks())
        self.assertIn('--- b without pci_ext\n  why b', text)
        self.assertIn('--- c with pci_ext\n  why c', text)


class TestExclusions(unittest.TestCase):
    def test_excludes_what_an_expression_matches(self) -> None:
        reasons = exclusions.excluded(
            {'No volumes.': [r'^a\.volumes\.', r'\bx\b']},
            ['a.volumes.test', 'a.servers.x', 'a.servers.xy'],
        )
        self.assertEqual(
            dict.fromkeys(['a.volumes.test', 'a.servers.x'], 'No volumes.'),
            reasons,
        )

    def test_refuses_an_expression_that_excludes_nothing(self) -> None:
        with self.assertRaisesRegex(exclusions.UselessExclusion, 'volumes'):
            exclusions.excluded({'No volumes.': ['volumes']}, ['a.servers'])

    def test_every_exclusion_has_a_reason(self) -> None:
        for file in (exclusions.ALL_IN_ONE, exclusions.DEPLOYMENT):
            for reason, expressions in exclusions.load(file).items():
                self.assertTrue(reason.endswith('.'))
                self.assertTrue(expressions)
