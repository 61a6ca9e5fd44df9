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

"""Runs the real ``openstack`` shell against a fake compute service."""

import io
import json
import logging

import fixtures
from openstackclient import shell
from osc_lib import clientmanager
from oslotest import base

from pci_ext.tests import fake_compute

CLOUDS = """
clouds:
  test:
    auth_type: none
    compute_endpoint_override: {endpoint}
    identity_api_version: '3'
    identity_endpoint_override: {identity}
"""


def clear_cached_clients():
    """Remove the clients of the last shell from the cache of the process."""
    for attribute in vars(clientmanager.ClientManager).values():
        if isinstance(attribute, clientmanager.ClientCache):
            attribute._handle = None


class ShellTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.api = self.useFixture(fake_compute.ComputeApi())
        clouds = self.useFixture(fixtures.TempDir()).join('clouds.yaml')
        with open(clouds, 'w') as file:
            file.write(
                CLOUDS.format(
                    endpoint=self.api.endpoint, identity=self.api.identity
                )
            )
        for name, value in (
            ('OS_CLIENT_CONFIG_FILE', clouds),
            ('OS_CLOUD', 'test'),
        ):
            self.useFixture(fixtures.EnvironmentVariable(name, value))

    def run_shell(self, *arguments):
        """Run a command.

        :returns: exit code, standard output, standard error
        """
        clear_cached_clients()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        stdout, stderr = io.StringIO(), io.StringIO()
        try:
            with (
                fixtures.MonkeyPatch('sys.stdout', stdout),
                fixtures.MonkeyPatch('sys.stderr', stderr),
            ):
                code = shell.main(list(arguments))
        except SystemExit as error:
            # argparse exits when it refuses its arguments.
            code = error.code
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        return code, stdout.getvalue(), stderr.getvalue()

    def output_of(self, *arguments):
        """Run a command that must succeed, and return its standard output."""
        code, stdout, stderr = self.run_shell(*arguments)
        self.assertEqual(0, code, stderr)
        return stdout

    def json_of(self, *arguments):
        return json.loads(self.output_of(*arguments, '-f', 'json'))

    def error_of(self, *arguments):
        """Run a command that must fail, and return its standard error."""
        code, stdout, stderr = self.run_shell(*arguments)
        self.assertNotEqual(0, code, stdout)
        return stderr
