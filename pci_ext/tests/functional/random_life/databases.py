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

"""Reads the databases of a cloud, by connections that stay open."""

import os
import sqlite3
from typing import Any

_NAMES = ('nova_api', 'nova_cell0', 'nova_cell1', 'placement')


class Databases:
    """The databases of one cloud.

    A new connection would read the schema anew, which takes longer than most
    queries.

    :param directory: of the files, which need not be there yet
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._connections: dict[str, sqlite3.Connection] = {}

    def query(self, name: str, statement: str) -> list[Any]:
        """Query one database; the caller lets threads in one by one."""
        connection = self._connections.get(name)
        if connection is None:
            uri = f'file:{os.path.join(self._directory, name)}.db?mode=ro'
            connection = sqlite3.connect(
                uri, uri=True, check_same_thread=False
            )
            self._connections[name] = connection
        return list(connection.execute(statement))

    def version(self) -> tuple[int, ...]:
        """Return numbers of which one changes with each transaction."""
        return tuple(
            self.query(name, 'PRAGMA data_version')[0][0] for name in _NAMES
        )

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
