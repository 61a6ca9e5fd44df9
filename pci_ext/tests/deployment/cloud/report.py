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

"""The table of the faults injected by tests, and their results."""

import json

from pci_ext.tests.deployment.cloud import state_directory

_FILE = 'report.jsonl'


def add(state: state_directory.State, done: str, found: str) -> None:
    """Add a row to the table."""
    with open(state.path(_FILE), 'a') as stream:
        stream.write(json.dumps([done, found]) + '\n')


def table(state: state_directory.State) -> str:
    """Return the table, with the latest row of each fault."""
    try:
        with open(state.path(_FILE)) as stream:
            rows = dict(json.loads(line) for line in stream)
    except FileNotFoundError:
        rows = {}
    lines = [
        f'{done}\n    {found}; all agreed' for done, found in rows.items()
    ]
    return '\n'.join(lines or ['No test has reported anything.'])
