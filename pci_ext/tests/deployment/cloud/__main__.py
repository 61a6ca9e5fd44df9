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

"""Starts a deployment, enables pci_ext in it, and stops it."""

import argparse
import os
import sys
import time

from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import enabling
from pci_ext.tests.deployment.cloud import report
from pci_ext.tests.deployment.cloud import state_directory


def main() -> int:
    parser = argparse.ArgumentParser(
        prog='python -m pci_ext.tests.deployment.cloud',
        description='A cloud of real services on the loopback interface.',
    )
    parser.add_argument(
        '--directory',
        type=os.path.abspath,
        default=state_directory.default_directory(),
        help='the directory of the deployment (default: %(default)s)',
    )
    commands = parser.add_subparsers(dest='command', required=True)
    up = commands.add_parser('up', help='Start all services that do not run.')
    up.add_argument(
        '--port-base',
        type=int,
        help='first of its ports (default: of a free range)',
    )
    commands.add_parser(
        'enable', help='Install and enable pci_ext by its install page.'
    )
    commands.add_parser(
        'report', help='Show the injected faults and their results.'
    )
    commands.add_parser('status', help='Show the processes.')
    down = commands.add_parser('down', help='Stop all processes.')
    down.add_argument(
        '--remove', action='store_true', help='remove its data as well'
    )
    args = parser.parse_args()
    try:
        with state_directory.locked(args.directory):
            return _run(args)
    except state_directory.DeployError as error:
        print(f'deployment: {error}', file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    if args.command == 'up':
        began = time.monotonic()
        state = state_directory.make(args.directory, args.port_base)
        bringup.Cloud(state).up()
        print(
            f'Up after {time.monotonic() - began:.0f} s. To use it: export '
            f'OS_CLIENT_CONFIG_FILE={state.path("clouds.yaml")} '
            'OS_CLOUD=pci-ext'
        )
        return 0
    found = state_directory.load(args.directory)
    if found is None:
        print(f'There is no deployment in {args.directory}.')
        return 0 if args.command == 'down' else 3
    cloud = bringup.Cloud(found)
    if args.command == 'down':
        cloud.down()
        if args.remove:
            cloud.remove()
        return 0
    if args.command == 'enable':
        enabling.Reader(cloud).follow()
        return 0
    if args.command == 'report':
        print(report.table(found))
        return 0
    processes = cloud.status()
    for name, pid in processes:
        print(f'{name:28} {pid or "has ended"}')
    return 0 if processes and all(pid for _, pid in processes) else 3


if __name__ == '__main__':
    sys.exit(main())
