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

"""Writes results of unittest in the Test Anything Protocol."""

import sys
import time
import traceback
from typing import Any
from typing import TextIO
import unittest


class TapResult(unittest.TestResult):
    """Writes a line for each test, and errors as comments."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._count = 0
        self._started = 0.0

    def comment(self, text: str) -> None:
        """Write text as comments."""
        for line in text.rstrip().split('\n'):
            self._write(f'# {line}'.rstrip())

    def _write(self, line: str) -> None:
        self._stream.write(line + '\n')
        self._stream.flush()

    def _report(self, verdict: str, name: str, directive: str = '') -> None:
        self._count += 1
        seconds = time.monotonic() - self._started
        self._write(f'{verdict} {self._count} {name}{directive}')
        self.comment(f'  {seconds:.1f} s')

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._started = time.monotonic()

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._report('ok', _name(test))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._report('ok', _name(test), f' # SKIP {reason}')

    def addError(self, test: Any, err: Any, details: Any = None) -> None:
        # It is also called for a failed setUpClass.
        super().addError(test, err or _FAILED)
        self._failed(test, err, details)

    def addFailure(self, test: Any, err: Any, details: Any = None) -> None:
        super().addFailure(test, err or _FAILED)
        self._failed(test, err, details)

    def _failed(self, test: Any, err: Any, details: Any) -> None:
        if err is not None:
            self.comment(''.join(traceback.format_exception(*err)))
        for name, detail in (details or {}).items():
            self.comment(f'{name}:\n{detail.as_text()}')
        self._report('not ok', _name(test))


def _failed() -> Any:
    try:
        raise AssertionError('see the details')
    except AssertionError:
        return sys.exc_info()


#: The error to report if the details of a test have the traceback.
_FAILED = _failed()


def _name(test: Any) -> str:
    name = test.id() if hasattr(test, 'id') else str(test)
    return str(name).removeprefix('pci_ext.tests.hwlab.')


def run(suite: unittest.TestSuite, stream: TextIO, about: str) -> bool:
    """Run tests, and return whether all passed.

    :param about: text to write first, as comments
    """
    result = TapResult(stream)
    result.comment(about)
    stream.write(f'1..{suite.countTestCases()}\n')
    suite.run(result)
    return result.wasSuccessful()
