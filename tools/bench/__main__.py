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
"""Measure pci_ext beside Nova, in one run: a table, and JSON.

The times depend on the machine and its load; compare the ratios.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys

from nova import objects

from pci_ext import conf
from pci_ext.activation import activator
from tools.bench import rows

MEASUREMENTS = (
    'filters',
    'weighers',
    'host_states',
    'claims',
    'trackers',
    'boots',
    'services',
    'inventory',
    'assignment',
)


def main() -> int:
    parser = argparse.ArgumentParser(prog='bench', description=__doc__)
    parser.add_argument('--json', help='file to write the rows to')
    parser.add_argument(
        '--large', action='store_true', help='measure the large sizes too'
    )
    parser.add_argument(
        'measurements',
        nargs='*',
        default=MEASUREMENTS,
        metavar='MEASUREMENT',
        help=f'those to run, of {", ".join(MEASUREMENTS)}; default: all',
    )
    args = parser.parse_args()
    objects.register_all()
    # Nova's own classes are taken before activation.
    importlib.import_module('tools.bench.hosts')
    conf.register_opts()
    activator.activate()
    print(f'Python {platform.python_version()}, {platform.machine()}')
    print(rows.HEAD)
    found = []
    for name in args.measurements:
        module = importlib.import_module(f'tools.bench.{name}')
        for row in module.measure(args.large):
            print(row.as_line(), flush=True)
            found.append(row)
    if args.json:
        with open(args.json, 'w') as stream:
            json.dump([row.as_dict() for row in found], stream, indent=2)
    return 0


if __name__ == '__main__':
    sys.exit(main())
