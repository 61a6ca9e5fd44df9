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

"""The verdicts of tests in a subunit stream."""

from typing import BinaryIO

import subunit
import testtools

FINAL = frozenset({'success', 'fail', 'skip', 'xfail', 'uxsuccess'})

#: In place of a verdict, if only another run has one.
ABSENT = 'not run'

#: The attachments that explain a verdict.
_EXPLANATIONS = ('reason', 'traceback')


class Verdicts(testtools.StreamResult):
    """Collects the last verdict of each test of a stream.

    :ivar by_test: verdicts by test id
    :ivar explanations: the reasons of skips and tracebacks, by test id
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_test: dict[str, str] = {}
        self.explanations: dict[str, str] = {}

    def status(
        self,
        test_id: str | None = None,
        test_status: str | None = None,
        file_name: str | None = None,
        file_bytes: bytes | None = None,
        **_kwargs: object,
    ) -> None:
        """Receive an event of the stream."""
        if test_id is None:
            return
        if file_name in _EXPLANATIONS and file_bytes:
            before = self.explanations.get(test_id, '')
            text = bytes(file_bytes).decode('utf-8', 'replace')
            self.explanations[test_id] = before + text
        if test_status in FINAL:
            self.by_test[test_id] = test_status


def read(stream: BinaryIO) -> Verdicts:
    """Return the verdicts in a stream."""
    result = Verdicts()
    result.startTestRun()
    subunit.ByteStreamToStreamResult(stream, non_subunit_name='stdout').run(
        result
    )
    result.stopTestRun()
    return result
