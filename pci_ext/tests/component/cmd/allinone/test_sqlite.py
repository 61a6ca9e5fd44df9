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
import os
import sqlite3
import threading
import time
from typing import Any
import unittest

import fixtures
from nova import utils
from oslo_db.sqlalchemy import enginefacade
from oslotest import base
import sqlalchemy as sa
from sqlalchemy import event

from pci_ext.cmd.allinone import config
from pci_ext.cmd.allinone import sqlite

THREADS = 8
ROUNDS = 10


@enginefacade.transaction_context_provider
class Context:
    pass


class TestLocking(base.BaseTestCase):
    """Writers to one file wait for one another."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        settings = config.Settings(directory, port=0, hardware='')
        sqlite.create(settings)
        self.manager = enginefacade.transaction_context()
        self.manager.configure(connection=settings.database('pci_ext'))
        with self.manager.writer.using(Context()) as session:
            session.execute(sa.text('CREATE TABLE counter (value INTEGER)'))
            session.execute(sa.text('INSERT INTO counter VALUES (0)'))
        self.directory = directory

    def install(self) -> None:
        sqlite.install_locking()
        engine = sa.engine.Engine
        for name, listener in (
            ('begin', sqlite._begin_later),
            ('before_cursor_execute', sqlite._begin_to_write),
        ):
            self.addCleanup(event.remove, engine, name, listener)

    def value(self) -> Any:
        with self.manager.reader.using(Context()) as session:
            return session.execute(
                sa.text('SELECT value FROM counter')
            ).scalar()

    def count_at_once(self, savepoint: bool) -> None:
        """Read and then write in many threads; all start a round together."""
        self.install()
        barrier = threading.Barrier(THREADS, timeout=30)

        def count() -> None:
            for _ in range(ROUNDS):
                barrier.wait()
                with self.manager.writer.using(Context()) as session:
                    if savepoint:
                        session.begin_nested()
                    session.execute(sa.text('SELECT * FROM counter')).all()
                    time.sleep(0.001)
                    session.execute(
                        sa.text('UPDATE counter SET value = value + 1')
                    )

        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for future in [pool.submit(count) for _ in range(THREADS)]:
                future.result()
        self.assertEqual(THREADS * ROUNDS, self.value())

    def test_read_and_then_write(self) -> None:
        self.count_at_once(savepoint=False)

    @unittest.skipUnless(
        utils.concurrency_mode_threading(),
        'a green thread that waits in SQLite stops those that it waits for',
    )
    def test_read_and_then_write_in_a_savepoint(self) -> None:
        self.count_at_once(savepoint=True)

    def test_rolls_back_a_failed_transaction(self) -> None:
        self.install()

        def fail() -> None:
            with self.manager.writer.using(Context()) as session:
                session.execute(sa.text('UPDATE counter SET value = 1'))
                session.execute(sa.text('UPDATE counter SET value = 2'))
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail)
        self.assertEqual(0, self.value())

    def test_savepoint(self) -> None:
        self.install()
        with self.manager.writer.using(Context()) as session:
            session.execute(sa.text('UPDATE counter SET value = 1'))
            savepoint = session.begin_nested()
            session.execute(sa.text('UPDATE counter SET value = 2'))
            savepoint.rollback()
        self.assertEqual(1, self.value())

    def test_other_databases_begin_transactions_themselves(self) -> None:
        self.install()
        engine = sa.create_engine('sqlite://')
        engine.dialect.name = 'mysql'
        sent: list[str] = []
        with engine.connect() as connection:
            dbapi_connection = connection.connection.dbapi_connection
            assert isinstance(dbapi_connection, sqlite3.Connection)
            dbapi_connection.set_trace_callback(sent.append)
            connection.execute(sa.text('CREATE TABLE other (value INTEGER)'))
            self.assertNotIn('in_transaction', connection.info)
        self.assertEqual(['CREATE TABLE other (value INTEGER)'], sent)

    def test_readers_do_not_wait(self) -> None:
        self.install()
        with self.manager.writer.using(Context()) as session:
            session.execute(sa.text('UPDATE counter SET value = 1'))
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                self.assertEqual(0, pool.submit(self.value).result(60))

    def test_creates_each_database_in_wal_mode(self) -> None:
        for name in config.DATABASES:
            path = os.path.join(self.directory, f'{name}.db')
            with contextlib.closing(sqlite3.connect(path)) as connection:
                mode = connection.execute('PRAGMA journal_mode').fetchone()
            self.assertEqual(('wal',), mode)
