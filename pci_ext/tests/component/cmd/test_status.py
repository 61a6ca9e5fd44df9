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

import json
import os
import subprocess
import sys

import fixtures
from oslo_upgradecheck import upgradecheck
from oslotest import base

from pci_ext.cmd import status
from pci_ext.db import migration
from pci_ext.tests.component.db import base as db_base

PROGRAM = 'import sys; from pci_ext.cmd import status; sys.exit(status.main())'

#: A controller without pci_ext: only the database of nova-api is set.
CONTROLLER = '[api_database]\nconnection = sqlite:///{folder}/api.sqlite\n'


class TestUpgradeCheck(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir())

    def run_program(self, configuration, *arguments):
        """Run the program in a process of its own: it configures all of Nova.

        :param configuration: text of its nova.conf; None for no file
        :returns: the exit code and stdout
        """
        path = self.folder.join('nova.conf')
        if configuration is not None:
            with open(path, 'w') as file:
                file.write(configuration.format(folder=self.folder.path))
        return self.run_with(
            '--config-file', path, 'upgrade', 'check', *arguments
        )

    def run_with(self, *arguments):
        done = subprocess.run(
            [sys.executable, '-c', PROGRAM, *arguments],
            env={
                **os.environ,
                'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true',
            },
            capture_output=True,
            text=True,
        )
        self.stderr = done.stderr
        return done.returncode, done.stdout

    def test_reports_a_missing_configuration_file(self):
        self.assertEqual((255, ''), self.run_program(None))
        self.assertIn(self.folder.join('nova.conf'), self.stderr)
        self.assertNotIn('Traceback', self.stderr)

    def test_fails_on_a_controller_without_pci_ext(self):
        self.useFixture(db_base.Database())
        code, stdout = self.run_program(CONTROLLER, '--json')
        self.assertEqual(2, code)
        checks = {
            check['check']: check for check in json.loads(stdout)['checks']
        }
        self.assertEqual(
            {
                'Configuration Files': 0,
                'Database Schema': 2,
                'Activation': 2,
                'Scheduler': 0,
                'Attributes of PCI Flavors': 1,
                'Extra Specs of Flavors': 1,
                'Offered Devices': 0,
            },
            {name: check['result'] for name, check in checks.items()},
        )
        self.assertIn(
            '[pci_ext_database] connection',
            checks['Database Schema']['details'],
        )

    def test_warns_if_nova_has_no_tables(self):
        connection = self.useFixture(db_base.Database()).connection
        self.assertIsNotNone(migration.version())
        code, stdout = self.run_program(
            f'{CONTROLLER}\n[pci_ext_database]\nconnection = {connection}\n',
            '--json',
        )
        self.assertEqual(2, code)
        results = {
            check['check']: (check['result'], check['details'])
            for check in json.loads(stdout)['checks']
        }
        self.assertEqual((0, None), results['Database Schema'])
        for name in ('Attributes of PCI Flavors', 'Extra Specs of Flavors'):
            code, details = results[name]
            self.assertEqual(1, code)
            self.assertIn('a database cannot be read: ', details)

    def test_prints_a_table(self):
        code, stdout = self.run_program(
            '[oslo_messaging_notifications]\ndriver = pci_ext\n'
        )
        self.assertEqual(0, code)
        self.assertIn('Check: Activation', stdout)
        self.assertIn('Details: Read: ', stdout)
        self.assertEqual(7, stdout.count('Result: Success'))

    def test_help_has_a_title_and_no_warnings(self):
        code, stdout = self.run_with('--help')
        self.assertEqual((0, ''), (code, self.stderr))
        self.assertIn('\nCommands:\n', stdout)
        self.assertIn('--version', stdout)


class TestFailingCheck(base.BaseTestCase):
    def test_error_of_a_check_is_its_result(self):
        stderr = self.useFixture(fixtures.StringStream('stderr')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', stderr))
        result = status._run(lambda: {}['missing'])
        self.assertEqual(upgradecheck.Code.FAILURE, result.code)
        self.assertEqual("Not checked: KeyError: 'missing'", result.details)
