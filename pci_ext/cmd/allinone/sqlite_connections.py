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

"""Connections to SQLite that are used more than once.

oslo.db opens a connection to a file for each transaction. SQLite then reads
the schema of the database anew, which takes longer than most queries.
"""

import collections
import sqlite3
from typing import Any
import weakref

import sqlalchemy
from sqlalchemy import event

#: The idle connections to each file.
_idle: dict[str, list['_Connection']] = collections.defaultdict(list)


class _Connection(sqlite3.Connection):
    """A connection that is idle after it is closed."""

    def __init__(self, path: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(path, *args, **kwargs)
        self._path = path
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
        self._functions: set[str] = set()

    def create_function(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Create a function, unless an earlier user of the connection did.

        A new one makes SQLite compile all statements again.
        """
        if name not in self._functions:
            self._functions.add(name)
            super().create_function(name, *args, **kwargs)

    def cursor(self, *args: Any) -> Any:
        cursor = super().cursor(*args)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        if self in _idle[self._path]:
            return
        # A cursor with unread rows keeps the state of the database that it
        # reads, for all others of the connection.
        for cursor in list(self._cursors):
            cursor.close()
        self._cursors.clear()
        self.rollback()
        _idle[self._path].append(self)


def install() -> None:
    """Let all engines use the idle connections to their files."""
    event.listen(sqlalchemy.engine.Engine, 'do_connect', _connect)


def _connect(
    dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]
) -> _Connection | None:
    if dialect.name != 'sqlite' or ':memory:' in arguments:
        return None
    (path,) = arguments
    try:
        return _idle[path].pop()
    except IndexError:
        options |= {'factory': _Connection, 'check_same_thread': False}
        return sqlite3.connect(path, **options)
