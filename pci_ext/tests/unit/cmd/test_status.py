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

from pci_ext.cmd import status
from pci_ext.db import migration
from pci_ext.tests.unit.cmd import base


class TestUpgradeCheck(base.ProgramTestCase):
    def check(self):
        """Run the checks.

        :returns: the exit code, and the details of the one check
        """
        code, stdout, _ = self.run_program(
            status.main,
            *('--config-file', self.conf_file, 'upgrade', 'check', '--json'),
        )
        [check] = json.loads(stdout)['checks']
        self.assertEqual('Database Schema', check['check'])
        self.assertEqual(code, check['result'])
        return code, check['details']

    def test_the_tables_are_up_to_date(self):
        migration.upgrade()
        self.assertEqual((0, None), self.check())

    def test_there_are_no_tables(self):
        code, details = self.check()
        self.assertEqual(2, code)
        self.assertIn('is at version none', details)
        self.assertIn(migration.head(), details)
        self.assertIn('pci-ext-manage db sync', details)

    def test_without_a_connection_the_option_is_named(self):
        self.write_conf('')
        code, details = self.check()
        self.assertEqual(2, code)
        self.assertIn('[pci_ext_database] connection', details)

    def test_for_people(self):
        migration.upgrade()
        code, stdout, _ = self.run_program(
            status.main, '--config-file', self.conf_file, 'upgrade', 'check'
        )
        self.assertEqual(0, code)
        self.assertIn('Result: Success', stdout)
