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

import fixtures
import sqlalchemy as sa

from pci_ext.cmd.checks import databases
from pci_ext.db import api
from pci_ext.db import migration
from pci_ext.tests.component.cmd import base as cmd_base
from pci_ext.tests.component.cmd.checks import base
from pci_ext.tests.component.db import base as db_base


class SchemaTestCase(base.CheckTestCase):
    def test_succeeds_if_the_schema_is_current(self) -> None:
        self.assert_success(databases.schema)

    def test_fails_without_tables(self) -> None:
        db_base.empty(api.get_engine())
        self.assert_problem(
            base.FAILURE,
            databases.schema,
            'is at version none and',
            f'needs {migration.head()}.',
            'Run "pci-ext-manage db sync"',
        )

    def test_fails_with_an_older_schema(self) -> None:
        before = migration.head()
        self.useFixture(
            fixtures.MonkeyPatch('pci_ext.db.migration.head', lambda: 'next')
        )
        self.assert_problem(
            base.FAILURE,
            databases.schema,
            f'is at version {before} and',
            'needs next.',
            'Run "pci-ext-manage db sync"',
        )

    def test_fails_with_a_later_schema(self) -> None:
        with api.get_engine().begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = 'later'")
            )
        details = self.assert_problem(
            base.FAILURE,
            databases.schema,
            'is at version later, which this release does not know',
            'Install the newer release',
        )
        self.assertNotIn('db sync', details)

    def test_fails_without_a_connection(self) -> None:
        self.flags(connection=None, group='pci_ext_database')
        self.assert_problem(
            base.FAILURE, databases.schema, '[pci_ext_database] connection'
        )

    def test_fails_with_an_invalid_connection(self) -> None:
        for connection in cmd_base.BAD_CONNECTIONS:
            self.flags(connection=connection, group='pci_ext_database')
            self.assert_problem(
                base.FAILURE,
                databases.schema,
                '[pci_ext_database] connection names no database',
            )

    def test_reports_an_error_of_sqlalchemy(self) -> None:
        def refuse() -> None:
            raise sa.exc.OperationalError(None, None, Exception('no access'))

        self.useFixture(
            fixtures.MonkeyPatch('pci_ext.db.migration.version', refuse)
        )
        self.assert_problem(
            base.FAILURE, databases.schema, 'does not answer', 'no access'
        )

    def test_fails_if_the_database_does_not_answer(self) -> None:
        self.flags(
            connection='sqlite:////nowhere/at/all',
            max_retries=0,
            group='pci_ext_database',
        )
        details = self.assert_problem(
            base.FAILURE,
            databases.schema,
            'does not answer: ',
            'unable to open database file',
            '[pci_ext_database] connection',
        )
        self.assertNotIn('\n', details)

    def test_is_not_checked_on_a_compute_host(self) -> None:
        self.flags(connection=None, group='pci_ext_database')
        self.flags(connection=None, group='api_database')
        self.assert_not_checked(databases.schema)
