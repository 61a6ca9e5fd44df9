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

"""The SQLite databases of the all-in-one.

A configuration file of the user may name another database for PCI flavors.

Many threads write to one file, which SQLite allows one at a time. A
transaction that has read and then wants to write fails at once, with
'database is locked', where another has written in between. So no transaction
is begun before the first write, and that write begins it as a writer, which
waits for its turn.
"""

import contextlib
import sqlite3
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.cmd import manage
import nova.conf
import sqlalchemy
from sqlalchemy import event

from pci_ext import conf
from pci_ext.cmd.allinone import config
from pci_ext.db import api as db_api
from pci_ext.db import migration

CONF = nova.conf.CONF

_READS = ('SELECT', 'PRAGMA', 'EXPLAIN')


def install_locking() -> None:
    """Let the writers to each SQLite database wait for one another."""
    engine = sqlalchemy.engine.Engine
    event.listen(engine, 'begin', _begin_later)
    event.listen(engine, 'before_cursor_execute', _begin_to_write)


def _begin_later(connection: Any) -> None:
    if connection.dialect.name == 'sqlite':
        # oslo.db begins a transaction here, unless this is set.
        connection.info['in_transaction'] = True


def _begin_to_write(
    connection: Any, cursor: Any, statement: str, *args: Any
) -> None:
    if connection.dialect.name != 'sqlite':
        return
    dbapi_connection = connection.connection.dbapi_connection
    if dbapi_connection.in_transaction or not connection.in_transaction():
        return
    if not statement.lstrip().upper().startswith(_READS):
        cursor.execute('BEGIN IMMEDIATE')


def create(settings: config.Settings) -> None:
    """Make the files, in a mode in which readers do not wait for writers."""
    for name in config.DATABASES:
        with contextlib.closing(
            sqlite3.connect(settings.path(f'{name}.db'))
        ) as connection:
            connection.execute('PRAGMA journal_mode = WAL')


def migrate_nova(settings: config.Settings) -> None:
    """Bring Nova's databases to its version, and map its cells.

    These are the steps of ``nova-manage`` for a new or upgraded deployment,
    and do nothing where there is nothing to do.
    """
    cells = manage.CellV2Commands()
    manage.ApiDbCommands().sync()
    mapped = _mapped_cells()
    if 'cell0' not in mapped:
        cells.map_cell0(settings.database('nova_cell0'))
    manage.DbCommands().sync()
    if 'cell1' not in mapped:
        cells.create_cell(
            'cell1', settings.database('nova_cell1'), CONF.transport_url
        )


def migrate_pci_ext() -> None:
    """Bring the database of PCI flavors to the version of this release."""
    conf.register_opts(CONF)
    db_api.configure(CONF)
    migration.upgrade()


def _mapped_cells() -> set[str]:
    context = nova_context.get_admin_context()
    return {cell.name for cell in objects.CellMappingList.get_all(context)}


def map_hosts() -> None:
    """Map new compute hosts to their cell."""
    manage.CellV2Commands().discover_hosts()
