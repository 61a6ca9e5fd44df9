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
import fnmatch
from importlib import metadata
import pathlib
import re
import sys

from pci_ext import client
from pci_ext.tests.unit.client import base

COMMANDS = tuple(
    each.name.replace('_', ' ')
    for each in metadata.entry_points(group='openstack.pci.v1')
)


class TestShell(base.ShellTestCase):
    def test_every_command_has_help(self):
        for command in COMMANDS:
            self.assertIn(
                f' {command} [-h]', self.output_of('help', *command.split())
            )

    def test_completes_every_command(self):
        # A line for each word with words after it: cmds_pci='flavor ...'.
        completion = dict(
            re.findall(
                r"^ *cmds_(\w+)='(.*)'$",
                self.output_of('complete', '--shell', 'bash'),
                re.MULTILINE,
            )
        )
        for command in COMMANDS:
            *words, last = command.split()
            self.assertIn(last, completion['_'.join(words)].split(), command)
            # The options of the command are completed, too.
            self.assertIn('-h', completion['_'.join((*words, last))].split())

    def test_every_command_is_in_the_reference(self):
        path = pathlib.Path(client.__file__).parents[2]
        text = (path / 'doc/source/cli/openstack.rst').read_text('utf-8')
        patterns = re.findall(r':command: (.+)$', text, re.MULTILINE)
        for command in COMMANDS:
            self.assertTrue(
                any(fnmatch.fnmatch(command, each) for each in patterns),
                f'doc/source/cli/openstack.rst does not show {command}: name '
                'it in a directive autoprogram-cliff there.',
            )

    def test_sends_the_chosen_api_version(self):
        self.api.responses['GET /os-pci-flavors'] = (200, {'pci_flavors': []})
        compute = ('--os-compute-api-version', '2.90')
        for options, expected in (
            ((), None),
            (compute, 'compute 2.90'),
            (('--os-pci-api-version', '1'), None),
            (('--os-pci-api-version', '1.0'), 'pci 1.0'),
            (
                ('--os-pci-api-version', '1.0', *compute),
                'compute 2.90, pci 1.0',
            ),
        ):
            code, _, stderr = self.run_shell(*options, 'pci', 'flavor', 'list')
            self.assertEqual((0, ''), (code, stderr))
            self.assertEqual(expected, self.api.versions[-1], options)

    def test_warns_of_an_unknown_api_version(self):
        _, _, stderr = self.run_shell(
            '--os-pci-api-version', '7', 'pci', 'flavor', 'list'
        )
        self.assertIn('pci API version 7 is not in', stderr)


class TestImports(base.base.BaseTestCase):
    def test_client_imports_nothing_else_of_pci_ext(self):
        # A user of a cloud installs neither Nova nor a database.
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
