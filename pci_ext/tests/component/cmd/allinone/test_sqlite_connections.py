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

import concurrent.futures
import contextlib
import sqlite3
import threading

import fixtures
from oslo_db.sqlalchemy import enginefacade
from oslotest import base
import sqlalchemy as sa
from sqlalchemy import event

from pci_ext.cmd.allinone import config
from pci_ext.cmd.allinone import sqlite
from pci_ext.cmd.allinone import sqlite_connections

READERS = 4


@enginefacade.transaction_context_provider
class Context:
    pass


class TestConnections(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        settings = config.Settings(directory, port=0, hardware='')
        sqlite.create(settings)
        sqlite_connections.install()
        self.addCleanup(
            event.remove,
            sa.engine.Engine,
            'do_connect',
            sqlite_connections._connect,
        )
        self.path = settings.path('pci_ext.db')
        self.manager = enginefacade.transaction_context()
        self.manager.configure(connection=settings.database('pci_ext'))
        with self.manager.writer.using(Context()) as session:
            session.execute(sa.text('CREATE TABLE numbers (value INTEGER)'))

    def connection(self) -> int:
        """Return the identity of the connection of a transaction."""
        with self.manager.reader.using(Context()) as session:
            connection = session.connection().connection.dbapi_connection
            assert isinstance(connection, sqlite3.Connection)
            return id(connection)

    def values(self) -> int:
        with self.manager.reader.using(Context()) as session:
            return int(
                session.execute(
                    sa.text('SELECT count(*) FROM numbers')
                ).scalar_one()
            )

    def test_later_transactions_use_the_same_connection(self) -> None:
        self.assertEqual(self.connection(), self.connection())

    def test_functions_are_created_once(self) -> None:
        connection = sqlite3.connect(
            ':memory:', factory=sqlite_connections._Connection
        )
        connection.create_function('answer', 0, lambda: 1)
        connection.create_function('answer', 0, lambda: 2)
        answer = connection.execute('SELECT answer()').fetchone()
        self.assertEqual((1,), answer)

    def test_concurrent_transactions_have_connections_of_their_own(
        self,
    ) -> None:
        barrier = threading.Barrier(READERS, timeout=30)

        def read() -> int:
            with self.manager.reader.using(Context()) as session:
                connection = session.connection().connection
                barrier.wait()
                return id(connection.dbapi_connection)

        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            futures = [pool.submit(read) for _ in range(READERS)]
        found = {future.result() for future in futures}
        self.assertEqual(READERS, len(found))

    def test_next_transaction_does_not_see_a_failed_one(self) -> None:
        def fail() -> None:
            with self.manager.writer.using(Context()) as session:
                session.execute(sa.text('INSERT INTO numbers VALUES (1)'))
                raise ZeroDivisionError

        connection = self.connection()
        self.assertRaises(ZeroDivisionError, fail)
        self.assertEqual(0, self.values())
        self.assertEqual(connection, self.connection())

    def test_closed_twice_is_used_once(self) -> None:
        with self.manager.reader.using(Context()) as session:
            connection = session.connection().connection.dbapi_connection
            assert isinstance(connection, sqlite3.Connection)
        connection.close()
        with self.manager.reader.using(Context()) as session:
            first = session.connection().connection.dbapi_connection
            with self.manager.reader.using(Context()) as other:
                second = other.connection().connection.dbapi_connection
        self.assertIsNot(first, second)

    def test_next_transaction_does_not_read_an_old_snapshot(self) -> None:
        with self.manager.writer.using(Context()) as session:
            session.execute(sa.text('INSERT INTO numbers VALUES (1), (2)'))
        with self.manager.reader.using(Context()) as session:
            unread = session.execute(sa.text('SELECT * FROM numbers'))
            unread.cursor.fetchone()
            connection = session.connection().connection.dbapi_connection
        with contextlib.closing(sqlite3.connect(self.path)) as other:
            other.execute('CREATE TABLE letters (value TEXT)')
            other.commit()
        with self.manager.reader.using(Context()) as session:
            session.execute(sa.text('SELECT * FROM letters'))
            self.assertIs(
                connection, session.connection().connection.dbapi_connection
            )
        self.assertRaises(sqlite3.ProgrammingError, unread.cursor.fetchone)

    def test_connections_to_memory_are_not_shared(self) -> None:
        engines = [sa.create_engine('sqlite://') for _ in range(2)]
        with engines[0].begin() as connection:
            connection.execute(sa.text('CREATE TABLE numbers (value INTEGER)'))
        engines[0].dispose()
        self.assertEqual([], sa.inspect(engines[1]).get_table_names())
