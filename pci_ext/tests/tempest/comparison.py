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

"""The verdicts of tempest without pci_ext and with it, side by side."""

import collections
from collections.abc import Iterator
from collections.abc import Mapping
import textwrap

from pci_ext.tests import verdicts

#: Characters of the traceback of a test that are shown, its end.
_TRACEBACK = 3000


class Comparison:
    """The verdicts of the same tests in two clouds.

    :param without: without pci_ext
    :param active: with pci_ext
    """

    def __init__(
        self, without: verdicts.Verdicts, active: verdicts.Verdicts
    ) -> None:
        self._runs = (without, active)
        self._by_test = {
            test: tuple(
                run.by_test.get(test, verdicts.ABSENT) for run in self._runs
            )
            for test in sorted({**without.by_test, **active.by_test})
        }

    @property
    def different(self) -> list[str]:
        """The tests with two verdicts."""
        return [
            test
            for test, (without, active) in self._by_test.items()
            if without != active
        ]

    @property
    def failing(self) -> list[str]:
        """The tests that fail in both clouds."""
        return self._with('fail')

    def count(self, verdict: str) -> int:
        """Return how many tests have a verdict in both clouds."""
        return len(self._with(verdict))

    def _with(self, verdict: str) -> list[str]:
        both = (verdict, verdict)
        return [test for test, each in self._by_test.items() if each == both]

    def skipped(self) -> Mapping[str, int]:
        """Return how many tests skip themselves, by the reason."""
        return collections.Counter(
            self._runs[0].explanations.get(test, '').strip()
            for test in self._with('skip')
        )

    def table(self) -> Iterator[str]:
        """Return the lines of a table of the tests to look at."""
        yield f'{"without":10}{"with":10}test'
        for test in (*self.different, *self.failing):
            without, active = self._by_test[test]
            yield f'{without:10}{active:10}{_name(test)}'

    def tracebacks(self) -> Iterator[str]:
        """Return why each of these tests has no success."""
        for test in (*self.different, *self.failing):
            for name, run in zip(('without', 'with'), self._runs, strict=True):
                text = run.explanations.get(test, '')
                if text:
                    yield f'--- {_name(test)} {name} pci_ext'
                    yield textwrap.indent(text[-_TRACEBACK:], '  ')


def _name(test: str) -> str:
    """Return the id of a test without its tags."""
    return test.partition('[')[0]
