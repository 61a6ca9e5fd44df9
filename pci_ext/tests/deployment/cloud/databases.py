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

"""MariaDB, and the databases of the services."""

import os
from typing import Any

import sqlalchemy as sa

from pci_ext.tests.deployment.cloud import processes
from pci_ext.tests.deployment.cloud import programs
from pci_ext.tests.deployment.cloud import state_directory

#: The account of each database.
DATABASES = {
    'keystone': 'keystone',
    'glance': 'glance',
    'placement': 'placement',
    'neutron': 'neutron',
    'nova_api': 'nova',
    'nova_cell0': 'nova',
    'nova_cell1': 'nova',
}


def prepare(state: state_directory.State) -> None:
    """Create the data directory of the server, if it does not exist."""
    if os.path.isdir(state.path('mariadb', 'mysql')):
        return
    programs.run(
        programs.find('mariadb-install-db'),
        '--no-defaults',
        '--user=root',
        f'--datadir={state.path("mariadb")}',
        _tmpdir(state),
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
    )


def process(state: state_directory.State) -> processes.Process:
    def is_ready() -> bool:
        try:
            with _connect(state):
                return True
        except sa.exc.OperationalError:
            return False

    return processes.Process(
        name='mariadb',
        command=(
            programs.find('mariadbd'),
            '--no-defaults',
            '--user=root',
            f'--datadir={state.path("mariadb")}',
            _tmpdir(state),
            f'--socket={_socket(state)}',
            f'--pid-file={state.path("run", "mariadb.pid")}',
            '--bind-address=127.0.0.1',
            f'--port={state.port("mariadb")}',
            '--character-set-server=utf8mb4',
            '--max-connections=500',
            # Transactions need not survive a crash of the machine.
            '--innodb-flush-log-at-trx-commit=2',
        ),
        is_ready=is_ready,
    )


def _socket(state: state_directory.State) -> str:
    return state.path('run', 'mariadb.socket')


def _tmpdir(state: state_directory.State) -> str:
    # A separate directory: a server removes all temporary tables in it at its
    # start.
    return f'--tmpdir={state.path("run")}'


def _connect(state: state_directory.State) -> sa.Connection:
    engine = sa.create_engine(
        f'mysql+pymysql://root@localhost/?unix_socket={_socket(state)}',
        poolclass=sa.NullPool,
    )
    return engine.connect()


def create(state: state_directory.State, name: str, account: str) -> None:
    """Create a database and its user."""
    password = state.passwords[account]
    with _connect(state) as connection:
        for statement in (
            f'CREATE DATABASE IF NOT EXISTS {name}',
            f"CREATE USER IF NOT EXISTS '{account}'@'127.0.0.1' "
            f"IDENTIFIED BY '{password}'",
            f"GRANT ALL ON {name}.* TO '{account}'@'127.0.0.1'",
        ):
            connection.execute(sa.text(statement))


def create_all(state: state_directory.State) -> None:
    for name, account in DATABASES.items():
        create(state, name, account)


def query(
    state: state_directory.State, statement: str, **values: object
) -> list[tuple[Any, ...]]:
    """Query the server as its administrator.

    :raises sqlalchemy.exc.OperationalError: if the server does not run
    """
    with _connect(state) as connection:
        result = connection.execute(sa.text(statement), values)
        return [tuple(row) for row in result]


def purge_deleted_services(state: state_directory.State) -> None:
    """Remove the records of deleted services of Nova.

    ``nova-manage db archive_deleted_rows`` does the same, but slowly. Nova
    would use the records for a later host of the same name.
    """
    with _connect(state) as connection, connection.begin():
        connection.execute(
            sa.text('DELETE FROM nova_cell1.services WHERE deleted != 0')
        )


def reports(state: state_directory.State, host: str, binary: str) -> int:
    """Return the number of reports of a service of Nova."""
    try:
        rows = query(
            state,
            'SELECT report_count FROM nova_cell1.services '
            'WHERE host = :host AND `binary` = :binary AND deleted = 0',
            host=host,
            binary=binary,
        )
    except sa.exc.DBAPIError:
        return 0
    return int(rows[0][0]) if rows else 0
