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

import datetime

from alembic import autogenerate
from alembic import script as alembic_script
from alembic.runtime import migration as alembic_migration
from oslo_utils.fixture import uuidsentinel as uuids
from oslotest import base
import sqlalchemy as sa

from pci_ext.db import api
from pci_ext.db import migration
from pci_ext.db import models
from pci_ext.db import pci_flavors
from pci_ext.tests.component.db import base as db_base


def fill():
    """Put a row into each table, with the columns of the first version."""
    now = datetime.datetime(2026, 1, 31)
    rows = {
        'pci_flavors': {
            'id': 1,
            'uuid': uuids.gpu,
            'name': 'GPU',
            'is_public': True,
            'live_migration': 'forbid',
            'created_at': now,
        },
        'pci_flavor_specs': {
            'pci_flavor_id': 1,
            'key': 'vendor_id',
            'value': '8086',
        },
        'pci_flavor_projects': {'pci_flavor_id': 1, 'project_id': 'p'},
    }
    with api.get_engine().begin() as connection:
        for name, values in rows.items():
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            connection.execute(table.insert().values(values))


class TestMigration(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(db_base.Database(sync=False))

    def compare(self):
        with api.get_engine().connect() as connection:
            context = alembic_migration.MigrationContext.configure(
                connection, opts={'compare_type': True}
            )
            return autogenerate.compare_metadata(context, models.Base.metadata)

    def test_an_empty_database_has_no_version(self):
        self.assertIsNone(migration.version())

    def test_migrations_create_the_tables_of_the_models(self):
        migration.upgrade()
        self.assertEqual([], self.compare())

    def test_upgrades_an_empty_database(self):
        migration.upgrade()
        self.assertIsNotNone(migration.version())
        self.assertEqual(migration.head(), migration.version())

    def test_second_upgrade_changes_nothing(self):
        migration.upgrade()
        before = sa.inspect(api.get_engine()).get_table_names()
        migration.upgrade()
        self.assertEqual(
            before, sa.inspect(api.get_engine()).get_table_names()
        )

    def test_completes_an_interrupted_upgrade(self):
        migration.upgrade()
        tables = models.Base.metadata.sorted_tables
        for created in range(len(tables)):
            with api.get_engine().begin() as connection:
                connection.execute(sa.text('DELETE FROM alembic_version'))
                for table in reversed(tables[created:]):
                    table.drop(connection)
            self.assertIsNone(migration.version())
            migration.upgrade()
            self.assertEqual(migration.head(), migration.version())
            self.assertEqual([], self.compare())

    def test_upgrades_each_earlier_version(self):
        directory = alembic_script.ScriptDirectory.from_config(
            migration._config()
        )
        for script in directory.walk_revisions():
            db_base.empty(api.get_engine())
            migration.upgrade(directory.get_base())
            fill()
            migration.upgrade(script.revision)
            self.assertEqual(script.revision, migration.version())
            migration.upgrade()
            self.assertEqual(migration.head(), migration.version())
            self.assertEqual([], self.compare())
            [flavor] = pci_flavors.get_all()
            self.assertEqual('GPU', flavor.name)
            self.assertEqual({'vendor_id': '8086'}, flavor.specs)
            self.assertEqual(['p'], flavor.projects)

    def test_unique_constraints_have_names_for_oslo_db(self):
        migration.upgrade()
        inspector = sa.inspect(api.get_engine())
        for table in models.Base.metadata.tables:
            for constraint in inspector.get_unique_constraints(table):
                self.assertEqual(
                    '0'.join([f'uniq_{table}', *constraint['column_names']]),
                    constraint['name'],
                )
