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

"""The next release of pci_ext, beside the installed one.

It is this source with a higher version and the next minor version of the RPC
API, in a folder that precedes the installed packages.
"""

from collections.abc import Iterable
import json
import os
import pathlib
import shutil
import sys

from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import source
from pci_ext.tests.deployment.cloud import state_directory

#: Version of the next release.
VERSION = '99.0.0'

_FOLDER = 'next-release'

#: The file with the names of the services that run the next release.
_UPGRADED = 'upgraded.json'

_MODULE = 'pci_ext/compute/rpcapi.py'
_BEFORE = "\nVERSION = '1.0'\n"
_AFTER = "\nVERSION = '1.1'\n"

_PRINT_VERSION = (
    'import importlib.metadata, os.path, pci_ext\n'
    'print(importlib.metadata.version("pci_ext"),'
    ' os.path.dirname(pci_ext.__file__))'
)


def build_next(state: state_directory.State) -> None:
    """Install the next release into its folder.

    :raises DeployError: if the source has another version of the RPC API, or
        services would not run the next release
    """
    folder = state.path(_FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    with source.copied() as copy:
        path = pathlib.Path(copy, _MODULE)
        text = path.read_text('utf-8')
        if _BEFORE not in text:
            raise state_directory.DeployError(f'{_MODULE} lacks{_BEFORE}')
        path.write_text(text.replace(_BEFORE, _AFTER), 'utf-8')
        programs.run(
            *('env', f'PBR_VERSION={VERSION}'),
            *(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps'),
            *('--target', folder, copy),
        )
    found = programs.run(
        *('env', f'PYTHONPATH={folder}'),
        *(sys.executable, '-P', '-c', _PRINT_VERSION),
    )
    if found.split() != [VERSION, os.path.join(folder, 'pci_ext')]:
        raise state_directory.DeployError(
            f'The services would not run the next release, but: {found}'
        )


def set_upgraded(state: state_directory.State, names: Iterable[str]) -> None:
    """Let these services alone run the next release from their next start."""
    state.write(_UPGRADED, json.dumps(list(names)))


def environ(state: state_directory.State, name: str) -> dict[str, str]:
    """Return the environment variables of the release of a service."""
    path = state.path(_UPGRADED)
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as stream:
        if name not in json.load(stream):
            return {}
    return {'PYTHONPATH': state.path(_FOLDER)}
