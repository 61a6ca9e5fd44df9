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

"""``python -m pci_ext.tests.functional.random_life``."""

import argparse
import sys

from pci_ext.tests.functional.random_life import hosts
from pci_ext.tests.functional.random_life import runs
from pci_ext.tests.functional.random_life import steps


def _write(line: str) -> None:
    sys.stdout.write(f'{line}\n')
    sys.stdout.flush()


def main() -> int:
    """Run, replay or shorten a random life.

    :returns: 1 if there is a disagreement
    """
    parser = argparse.ArgumentParser(
        prog='python -m pci_ext.tests.functional.random_life',
        description='Take steps at random in an all-in-one, and check after '
        'each batch that guests, records, pools, Placement and API agree.',
    )
    parser.add_argument('--steps', type=int, default=500)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument(
        '--parallel',
        type=int,
        default=1,
        help='the most steps at the same time',
    )
    parser.add_argument(
        '--report-in-placement',
        action='store_true',
        help='let Nova report the devices in Placement',
    )
    parser.add_argument(
        '--pci-in-placement',
        action='store_true',
        help='let Placement choose the devices of aliases, too',
    )
    parser.add_argument(
        '--output',
        default='random-life.json',
        help='file for the steps of a disagreement',
    )
    parser.add_argument('--replay', help='take the steps in this file instead')
    parser.add_argument(
        '--shrink', help='leave out steps of this file that do not matter'
    )
    args = parser.parse_args()
    placement = hosts.REPORTED if args.report_in_placement else hosts.NOTHING
    if args.pci_in_placement:
        placement = hosts.CHOSEN
    if args.shrink:
        batches = runs.shrink(_read(args.shrink), _write, placement)
        _save(args.output, batches)
        return 1
    if args.replay:
        batches, found = _read(args.replay), None
        found = runs.replay(batches, _write, placement)
    else:
        batches, found = runs.run(
            *(args.steps, args.seed, args.parallel, _write),
            placement,
        )
    count = sum(len(batch) for batch in batches)
    if found is None:
        _write(f'{count} steps without a disagreement')
        return 0
    _write(f'{count} steps, seed {args.seed}:\n{found}')
    if not args.replay:
        _save(args.output, batches)
    return 1


def _read(path: str) -> list[steps.Batch]:
    with open(path, encoding='utf-8') as stream:
        return steps.loads(stream.read())


def _save(path: str, batches: list[steps.Batch]) -> None:
    text = steps.dumps(batches)
    with open(path, 'w', encoding='utf-8') as stream:
        stream.write(text)
    _write(f'{text}\nThe steps are in {path}; --replay takes them again')


if __name__ == '__main__':
    sys.exit(main())
