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

import os

import sqlalchemy as sa
import yaml

from pci_ext.cmd import manage
from pci_ext.db import api
from pci_ext.db import migration
from pci_ext.db import pci_flavor_limits
from pci_ext.db import pci_flavors
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.cmd import base


class ManageTestCase(base.ProgramTestCase):
    def manage(self, *arguments):
        return self.run_program(
            manage.main, '--config-file', self.conf_file, *arguments
        )


class TestDb(ManageTestCase):
    def test_sync_creates_the_tables(self):
        for _ in range(2):
            code, stdout, stderr = self.manage('db', 'sync')
            self.assertEqual((0, ''), (code, stderr))
            self.assertEqual(
                f'The database is at version {migration.head()}.\n', stdout
            )
            self.assertEqual(migration.head(), migration.version())

    def test_prints_the_version(self):
        self.assertEqual((0, 'none\n', ''), self.manage('db', 'version'))
        self.manage('db', 'sync')
        self.assertEqual(
            (0, f'{migration.head()}\n', ''), self.manage('db', 'version')
        )

    def test_finds_the_configuration_file_of_nova(self):
        os.mkdir(self.home.join('.nova'))
        os.rename(self.conf_file, self.home.join('.nova', 'nova.conf'))
        code, stdout, stderr = self.run_program(manage.main, 'db', 'sync')
        self.assertEqual((0, ''), (code, stderr))
        self.assertIsNotNone(migration.version())

    def test_error_names_the_missing_option(self):
        self.write_conf('')
        for command in ('sync', 'version'):
            code, stdout, stderr = self.manage('db', command)
            self.assertEqual((1, ''), (code, stdout))
            self.assertIn('[pci_ext_database] connection', stderr)
            self.assertNotIn('Traceback', stderr)

    def test_refuses_a_missing_database(self):
        self.write_conf(
            'connection = sqlite:////nowhere/at/all\nmax_retries=0'
        )
        code, stdout, stderr = self.manage('db', 'sync')
        self.assertEqual((1, ''), (code, stdout))
        self.assertIn('unable to open database file', stderr)
        self.assertNotIn('Traceback', stderr)

    def test_refuses_an_invalid_connection(self):
        for connection in base.BAD_CONNECTIONS:
            self.write_conf(f'connection = {connection}')
            for command in ('sync', 'version'):
                code, stdout, stderr = self.manage('db', command)
                self.assertEqual((1, ''), (code, stdout))
                self.assertIn('[pci_ext_database] connection', stderr)

    def test_reports_an_error_of_sqlalchemy(self):
        path = self.home.join('empty.sqlite')
        with open(path, 'w'):
            pass
        self.write_conf(f'connection = sqlite:///file:{path}?mode=ro&uri=true')
        code, stdout, stderr = self.manage('db', 'sync')
        self.assertEqual((1, ''), (code, stdout))
        self.assertIn('readonly', stderr)

    def test_refuses_a_database_of_a_later_release(self):
        self.manage('db', 'sync')
        with api.get_engine().begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = 'later'")
            )
        code, stdout, stderr = self.manage('db', 'sync')
        self.assertEqual((1, ''), (code, stdout))
        self.assertIn(
            'is at version later, which this release does not know', stderr
        )
        self.assertEqual((0, 'later\n', ''), self.manage('db', 'version'))

    def test_reports_an_error_of_the_configuration(self):
        os.unlink(self.conf_file)
        missing = self.conf_file
        self.assertEqual(
            (1, '', f'Failed to find some config files: {missing}\n'),
            self.manage('db', 'sync'),
        )
        self.write_conf('max_retries = many')
        code, stdout, stderr = self.manage('db', 'sync')
        self.assertEqual((1, ''), (code, stdout))
        self.assertIn('max_retries', stderr)

    def test_prints_help_without_a_command(self):
        code, stdout, _ = self.manage()
        self.assertEqual(1, code)
        self.assertIn('usage:', stdout)

    def test_refuses_db_without_a_command(self):
        code, _, stderr = self.manage('db')
        self.assertEqual(2, code)
        self.assertIn('required: {sync,version}', stderr)


class TestExport(ManageTestCase):
    def test_prints_pci_flavors_with_access_and_limits(self):
        self.manage('db', 'sync')
        gpu = pci_flavors.create(
            pci_flavor.PciFlavor(
                name='GPU',
                description='größer',
                is_public=False,
                live_migration='hotplug',
                specs={'vendor_id': '10de', 'product_id': '20b[05]'},
                projects=['two', 'one'],
            )
        )
        pci_flavor_limits.update(gpu.uuid, {'': 2, 'one': 4})
        vf = pci_flavors.create(
            pci_flavor.PciFlavor(name='VF', description=None)
        )
        code, stdout, stderr = self.manage('export')
        self.assertEqual((0, ''), (code, stderr))
        self.assertIn('größer', stdout)
        self.assertEqual(
            {
                'pci_flavors': [
                    {
                        'name': 'GPU',
                        'uuid': gpu.uuid,
                        'description': 'größer',
                        'is_public': False,
                        'projects': ['one', 'two'],
                        'live_migration': 'hotplug',
                        'specs': {
                            'product_id': '20b[05]',
                            'vendor_id': '10de',
                        },
                        'limits': {'default': 2, 'one': 4},
                    },
                    {
                        'name': 'VF',
                        'uuid': vf.uuid,
                        'description': None,
                        'is_public': True,
                        'projects': [],
                        'live_migration': 'forbid',
                        'specs': {},
                        'limits': {},
                    },
                ]
            },
            yaml.safe_load(stdout),
        )

    def test_prints_an_empty_list(self):
        self.manage('db', 'sync')
        self.assertEqual((0, 'pci_flavors: []\n', ''), self.manage('export'))
