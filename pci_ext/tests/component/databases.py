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

"""SQLite databases for tests, migrated once in a process to save time.

A migration takes seconds, and so does the compilation of Nova's statements,
which SQLAlchemy keeps only as long as the engine.
"""

from collections.abc import Callable
import contextlib
import functools
import sqlite3
from typing import Any

import fixtures
from nova.tests import fixtures as nova_fixtures
from oslo_db.sqlalchemy import engines
from oslo_policy import policy
import sqlalchemy as sa
from sqlalchemy import pool
from sqlalchemy.dialects.sqlite import base as sqlite_dialect

#: Databases in memory with a schema and no rows, by name of the schema.
_templates: dict[str, sqlite3.Connection] = {}

#: Compiled statements, for the engines of all tests.
_statements: dict[Any, Any] = {}

_parse = functools.cache(policy.parse_file_contents)


def fill(schema: str, engine: sa.Engine, migrate: Callable[[], None]) -> None:
    """Create the schema in an empty database.

    :param schema: a name of the schema
    :param migrate: brings the database to the schema; called once a process,
        whose later databases are copies of the first
    """
    template = _templates.get(schema)
    if template is None:
        migrate()
    with contextlib.closing(engine.raw_connection()) as connection:
        database: Any = connection.driver_connection
        if template is not None:
            template.backup(database)
        else:
            template = sqlite3.connect(':memory:', check_same_thread=False)
            database.backup(template)
            _templates[schema] = template


def _create_engine(url: sa.URL, **arguments: Any) -> tuple[sa.Engine, Any]:
    """Create an engine that keeps its connections and shares statements."""
    if arguments.get('poolclass') is pool.NullPool:
        # A connection reads the whole schema at its first statement.
        del arguments['poolclass']
        arguments['connect_args']['check_same_thread'] = False
        arguments.update(pool_size=0, pool_pre_ping=False)
    engine = sa.create_engine(url, **arguments)
    if engine.dialect.name == 'sqlite':
        engine.update_execution_options(compiled_cache=_statements)
    return engine, engine


def _same_class(one: object, other: object) -> bool:
    return type(one) is type(other)


class SharedSetUp(fixtures.Fixture):
    """Make Nova's fixtures of databases and policies do their setup once."""

    def _setUp(self) -> None:
        self._patch(
            engines,
            'create_engine',
            functools.partial(
                engines.create_engine, _engine_target=_create_engine
            ),
        )
        # SQLAlchemy keeps compiled statements by dialect, of which every
        # engine has its own.
        dialect = sqlite_dialect.SQLiteDialect
        self._patch(dialect, '__eq__', _same_class)
        self._patch(dialect, '__hash__', lambda self: hash(type(self)))

        apply_schema = nova_fixtures.Database._apply_schema
        self._patch(
            nova_fixtures.Database,
            '_apply_schema',
            lambda database: fill(
                database.database,
                database.get_engine(),
                functools.partial(apply_schema, database),
            ),
        )
        cache_schema = nova_fixtures.CellDatabases._cache_schema
        self._patch(
            nova_fixtures.CellDatabases,
            '_cache_schema',
            lambda databases, cell: fill(
                'main',
                databases._ctxt_mgrs[cell].writer.get_engine(),
                functools.partial(cache_schema, databases, cell),
            ),
        )
        self._patch(
            policy, 'parse_file_contents', lambda data: dict(_parse(data))
        )

    def _patch(self, owner: Any, name: str, value: Any) -> None:
        self.useFixture(fixtures.MockPatchObject(owner, name, value))
