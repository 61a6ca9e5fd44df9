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

"""Nova's own tools, which look for allocations that are wrong."""

from collections.abc import Iterator
import subprocess
import sys

from pci_ext.tests.functional import process
from pci_ext.tests.functional.random_life import invariants

#: By command of nova-manage, the status that says that all is well.
_COMMANDS = {
    ('placement', 'audit', '--verbose'): 0,
    ('placement', 'heal_allocations', '--dry-run', '--verbose'): 4,
}

_PROGRAM = 'import sys; from nova.cmd import manage; sys.exit(manage.main())'

TIMEOUT = 120


def audit(cloud: process.AllInOne) -> Iterator[invariants.Problem]:
    """Yield what nova-manage finds in Placement."""
    files = [
        argument
        for path in cloud.config_files
        for argument in ('--config-file', path)
    ]
    for command, expected in _COMMANDS.items():
        done = subprocess.run(
            [sys.executable, '-c', _PROGRAM, *files, *command],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        if done.returncode != expected:
            yield invariants.Problem(
                'audit',
                f'nova-manage {" ".join(command)}: status {done.returncode}\n'
                f'{done.stdout}{done.stderr}',
            )
