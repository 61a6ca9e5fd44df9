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

"""Compare the verdicts of two runs of the same tests.

    tox -e nova-baseline; tox -e nova
    .tox/nova/bin/python tools/compare_verdicts.py \\
        .tox/nova-baseline .tox/nova

Each argument is a directory with a stestr repository, of which the last run is
used, or a file with a subunit stream. Tests of pci_ext are ignored. The exit
status is 1 if a test changed its verdict or is in one run only, and 2 if there
are no verdicts to compare.
"""

import argparse
from collections.abc import Iterator
import contextlib
import io
import pathlib
import sys
from typing import BinaryIO

from stestr.repository import file as stestr_file

from pci_ext.tests import verdicts


@contextlib.contextmanager
def stream_of(path: pathlib.Path) -> Iterator[BinaryIO]:
    """Open the subunit stream at path, a file or a stestr repository."""
    if path.is_dir():
        repository = stestr_file.RepositoryFactory().open(str(path))
        last = repository.get_test_run(repository.latest_id())
        yield io.BytesIO(last.get_subunit_stream().read())
    else:
        with path.open('rb') as stream:
            yield stream


def verdicts_of(path: pathlib.Path) -> dict[str, str]:
    with stream_of(path) as stream:
        by_test = verdicts.read(stream).by_test
    return {
        test: verdict
        for test, verdict in by_test.items()
        if not test.startswith('pci_ext.')
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('before', type=pathlib.Path)
    parser.add_argument('after', type=pathlib.Path)
    args = parser.parse_args(argv)
    before = verdicts_of(args.before)
    after = verdicts_of(args.after)
    if not before or not after:
        print(f'{len(before)} tests before, {len(after)} after: no verdicts')
        return 2
    changed = 0
    for test in sorted(before | after):
        was, now = (
            before.get(test, verdicts.ABSENT),
            after.get(test, verdicts.ABSENT),
        )
        if was != now:
            changed += 1
            print(f'{was} -> {now}  {test}')
    print(f'{len(before | after)} tests, {changed} change their verdict')
    return 1 if changed else 0


if __name__ == '__main__':
    sys.exit(main())
