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

"""A table of which tests ran against which target, from their results.

``python tools/test_targets.py TARGET=RESULTS...``, where RESULTS is a folder
in which stestr keeps them, or a file in TAP.
"""

import collections
from collections.abc import Iterator
import os
import re
import sys
from typing import Any

from stestr.repository import file
import testtools

#: A class of tests, without the package that all have in common.
_CLASS = re.compile(r'pci_ext\.tests\.([\w.]+\.(?:Test|\w+Test)\w*)')
_TAP = re.compile(r'(not )?ok \d+ (?:- )?(\S+)(.*# SKIP)?')

#: In place of the words of subunit.
_WORDS = {'success': 'passed', 'fail': 'failed', 'skip': 'skipped'}


def of_stestr(folder: str) -> Iterator[tuple[str, str]]:
    """Give each test of the last run, and how it ended."""
    found: list[tuple[str, str]] = []

    def keep(test: dict[str, Any]) -> None:
        found.append((test['id'], test['status']))

    run = file.RepositoryFactory().open(folder).get_latest_run().get_test()
    result = testtools.StreamToDict(keep)
    result.startTestRun()
    run.run(result)
    result.stopTestRun()
    yield from found


def of_tap(path: str) -> Iterator[tuple[str, str]]:
    """Give each test of a file in TAP, and how it ended."""
    with open(path, encoding='utf-8') as stream:
        for line in stream:
            if match := _TAP.match(line):
                status = 'fail' if match[1] else 'success'
                yield match[2], 'skip' if match[3] else status


def count(results: str) -> dict[str, collections.Counter[str]]:
    """Count for each class of tests how they ended."""
    tests = of_stestr(results) if os.path.isdir(results) else of_tap(results)
    counts: dict[str, collections.Counter[str]] = {}
    for test_id, status in tests:
        if match := _CLASS.search(test_id):
            counter = counts.setdefault(match[1], collections.Counter())
            counter[_WORDS.get(status, status)] += 1
    return counts


def main(arguments: list[str]) -> int:
    columns = {}
    for argument in arguments:
        target, _, results = argument.partition('=')
        columns[target] = count(results)
    if not columns:
        print(__doc__, file=sys.stderr)
        return 2
    names = sorted(set().union(*columns.values()))
    width = max(map(len, names), default=0)
    print(' ' * width, *(f'{target:20}' for target in columns))
    for name in names:
        cells = (
            ', '.join(
                f'{number} {word}'
                for word, number in sorted(counts.get(name, {}).items())
            )
            for counts in columns.values()
        )
        print(f'{name:{width}}', *(f'{cell or "-":20}' for cell in cells))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
