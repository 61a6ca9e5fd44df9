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

import ast
import pathlib
import sys

from pci_ext import client
from pci_ext.tests.unit.client import base


class TestShell(base.ShellTestCase):
    def test_every_command_has_help(self):
        for command in (
            *('pci flavor create', 'pci flavor list', 'pci flavor show'),
            *('pci flavor set', 'pci flavor unset', 'pci flavor delete'),
            *('pci flavor access add', 'pci flavor access remove'),
            *('pci flavor access list', 'pci attribute list'),
            *('pci pool list', 'pci device list', 'pci device show'),
            *('pci evaluate', 'server pci list'),
        ):
            self.assertIn(
                f' {command} [-h]', self.output_of('help', *command.split())
            )

    def test_an_unknown_version_of_the_api_is_told_of(self):
        _, _, stderr = self.run_shell(
            '--os-pci-api-version', '7', 'pci', 'flavor', 'list'
        )
        self.assertIn('pci API version 7 is not in', stderr)


class TestImports(base.base.BaseTestCase):
    def test_nothing_else_of_pci_ext_is_imported(self):
        # Who uses a cloud installs neither Nova nor a database.
        allowed = {
            *('pci_ext.client', 'osc_lib', 'openstack'),
            *('keystoneauth1', 'cliff'),
        }
        folder = pathlib.Path(client.__file__).parent
        for path in folder.glob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module]
                for name in names:
                    top = name.split('.')[0]
                    self.assertTrue(
                        top in sys.stdlib_module_names
                        or top in allowed
                        or name in allowed,
                        f'{path.name} imports {name}',
                    )
