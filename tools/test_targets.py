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

"""A table of the results of tests on each target.

``python tools/test_targets.py TARGET=RESULTS...``, where RESULTS is a stestr
repository, or a file in TAP; a target may have several. The reasons of skipped
tests follow the table.
"""

import collections
from collections.abc import Iterable
from collections.abc import Iterator
import os
import re
import sys
from typing import Any

from stestr.repository import file
import testtools

#: A class of tests, without the common package.
_CLASS = re.compile(r'pci_ext\.tests\.([\w.]+\.(?:Test|\w+Test)\w*)')
_TAP = re.compile(r'(not )?ok \d+ (?:- )?(\S+)(?:.*# SKIP\S* ?(.*))?')

#: The prefix that the lab omits in the names of its tests.
_LAB = 'pci_ext.tests.hwlab.'

#: The words in the table for the statuses of subunit.
_WORDS = {'success': 'passed', 'fail': 'failed', 'skip': 'skipped'}

#: The id of a test, its status, and the reason if it was skipped.
Outcome = tuple[str, str, str]


def of_stestr(folder: str) -> Iterator[Outcome]:
    """Return the outcome of each test of the last run."""
    found: list[Outcome] = []

    def keep(test: dict[str, Any]) -> None:
        reason = test['details'].get('reason')
        reason_text = reason.as_text() if reason else ''
        found.append((test['id'], test['status'], reason_text))

    run = file.RepositoryFactory().open(folder).get_latest_run().get_test()
    result = testtools.StreamToDict(keep)
    result.startTestRun()
    run.run(result)
    result.stopTestRun()
    yield from found


def of_tap(path: str) -> Iterator[Outcome]:
    """Return the outcome of each test of a file in TAP."""
    with open(path, encoding='utf-8') as stream:
        for line in stream:
            if match := _TAP.match(line):
                status = 'fail' if match[1] else 'success'
                reason_text = match[3]
                test_id = _LAB + match[2].removeprefix(_LAB)
                yield (
                    test_id,
                    status if reason_text is None else 'skip',
                    reason_text or '',
                )


def read(results: str) -> dict[str, Outcome]:
    """Return the last outcome of each test by its id."""
    tests = of_stestr(results) if os.path.isdir(results) else of_tap(results)
    return {test[0]: test for test in tests}


def count(tests: Iterable[Outcome]) -> dict[str, collections.Counter[str]]:
    """Count the statuses of each class of tests."""
    counts: dict[str, collections.Counter[str]] = {}
    for test_id, status, _ in tests:
        if match := _CLASS.search(test_id):
            counter = counts.setdefault(match[1], collections.Counter())
            counter[_WORDS.get(status, status)] += 1
    return counts


def _row(name: str, cells: Iterable[str]) -> None:
    print('  '.join([name, *(f'{cell or "-":11}' for cell in cells)]).rstrip())


def main(arguments: list[str]) -> int:
    columns: dict[str, dict[str, Outcome]] = {}
    for argument in arguments:
        target, _, results = argument.partition('=')
        columns.setdefault(target, {}).update(read(results))
    if not columns:
        print(__doc__, file=sys.stderr)
        return 2
    counted = {
        target: count(tests.values()) for target, tests in columns.items()
    }
    names = sorted(set().union(*counted.values()))
    width = max(map(len, names), default=0)
    _row(' ' * width, columns)
    for name in names:
        cells = (
            ', '.join(
                f'{number} {word}'
                for word, number in sorted(counts.get(name, {}).items())
            )
            for counts in counted.values()
        )
        _row(f'{name:{width}}', cells)
    reasons = {
        f'{match[1]:{width}}  {target}: {reason_text.strip()}'
        for target, tests in columns.items()
        for test_id, status, reason_text in tests.values()
        if status == 'skip' and (match := _CLASS.search(test_id))
    }
    if reasons:
        print('\nSkipped:', *sorted(reasons), sep='\n')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
