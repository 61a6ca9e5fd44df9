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

"""Runs tempest against two all-in-ones, and compares the verdicts."""

import argparse
import collections
from collections.abc import Mapping
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import textwrap

from pci_ext.tests import verdicts
from pci_ext.tests.tempest import cloud
from pci_ext.tests.tempest import comparison
from pci_ext.tests.tempest import exclusions
from pci_ext.tests.tempest import run

#: Characters of a reason that are printed.
_WIDTH = 100

#: Tests of most operations on servers, in about two minutes.
_SHORT = (
    r'\bsmoke\b',
    r'\.admin\.test_(flavors|migrations|servers)\.',
    r'\.servers\.test_(create_server|server_actions|servers)\.',
)


def main() -> int:
    """Return 0 if no verdict differs and no test fails."""
    parser = argparse.ArgumentParser(
        prog='python -m pci_ext.tests.tempest',
        description="Runs tempest's tests of the compute API against an "
        'all-in-one without pci_ext and one with it; fails if a verdict '
        'differs.',
    )
    parser.add_argument(
        'tests',
        nargs='*',
        help='regular expressions of the ids of the tests; by default all',
    )
    parser.add_argument(
        '--short',
        action='store_true',
        help='run the tests of most operations on servers only',
    )
    args = parser.parse_args()
    expressions = args.tests or (_SHORT if args.short else [''])
    directory = tempfile.mkdtemp(prefix='pci-ext-tempest-')
    compared = _compare(directory, re.compile('|'.join(expressions)))
    passed, skipped = compared.count('success'), compared.count('skip')
    failed = len(compared.different) + len(compared.failing)
    if failed:
        print('\nTests with two verdicts, and tests that fail in both:')
        print('\n'.join((*compared.tracebacks(), *compared.table())))
        print(f'\nThe logs are in {directory}.')
    else:
        shutil.rmtree(directory)
    # Also as stestr says it, for tools/run_tests.sh.
    print(f'\n - Passed: {passed}\n - Skipped: {skipped}')
    print(f' - Failed: {failed}')
    print(f'\n{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or not passed else 0


def _compare(directory: str, wanted: re.Pattern[str]) -> comparison.Comparison:
    """Run the tests in both clouds at the same time."""
    streams = []
    with contextlib.ExitStack() as stack:
        runs = []
        for with_pci_ext in (False, True):
            name = 'with' if with_pci_ext else 'without'
            path = os.path.join(directory, name)
            os.mkdir(path)
            started = cloud.Cloud(path, with_pci_ext)
            stack.callback(started.stop)
            started.start()
            runs.append(run.Run(path))
        tests = runs[0].tests()
        reasons = exclusions.excluded(
            exclusions.load(exclusions.ALL_IN_ONE), tests
        )
        selected = [
            test
            for test in tests
            if test not in reasons and wanted.search(test)
        ]
        print(f'{len(selected)} of {len(tests)} tests are run.')
        _print_counts('Not run', collections.Counter(reasons.values()))
        for each in runs:
            stack.callback(each.stop)
            each.start(selected)
        streams = [each.wait() for each in runs]
    compared = comparison.Comparison(
        *(verdicts.read(io.BytesIO(stream)) for stream in streams)
    )
    _print_counts('Skipped by tempest in both', compared.skipped())
    return compared


def _print_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        print(f'\n{title}:')
    for reason, count in sorted(counts.items()):
        print(f'{count:5}  {textwrap.shorten(reason, _WIDTH)}')
    sys.stdout.flush()


if __name__ == '__main__':
    sys.exit(main())
