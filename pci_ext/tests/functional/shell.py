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

"""The real ``openstack`` command, in this process.

The imports of a separate process take 1.3 seconds for each command.
"""

import contextlib
import io
import json
from typing import Any
from unittest import mock

from openstackclient import shell
from osc_lib import clientmanager


class CommandFailed(Exception):
    """The command ended with a status other than 0; contains its output."""


def _clear_cached_clients() -> None:
    # The command caches its clients, which are bound to a cloud, for the
    # lifetime of the process. Usually that is one command.
    for attribute in vars(clientmanager.ClientManager).values():
        if isinstance(attribute, clientmanager.ClientCache):
            attribute._handle = None


class Shell:
    """Runs commands against the clouds of a clouds.yaml."""

    def __init__(self, clouds_yaml: str) -> None:
        self._environ = {'OS_CLIENT_CONFIG_FILE': clouds_yaml}

    def run(self, *arguments: str, cloud: str = 'pci-ext') -> str:
        """Run ``openstack ARGUMENTS`` and return its output.

        :raises CommandFailed: if the command fails
        """
        _clear_cached_clients()
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict('os.environ', self._environ),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            status = shell.main(['--os-cloud', cloud, *arguments])
        if status != 0:
            raise CommandFailed(
                f'openstack {" ".join(arguments)}: status {status}\n'
                f'{stdout.getvalue()}{stderr.getvalue()}'
            )
        return stdout.getvalue()

    def json(self, *arguments: str, cloud: str = 'pci-ext') -> Any:
        """Run a command that shows or lists resources; parse its JSON."""
        return json.loads(self.run(*arguments, '-f', 'json', cloud=cloud))
