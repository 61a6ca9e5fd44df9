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

"""Real database servers, from the packages of Debian.

Each runs in a folder of its own, listens on a socket in there only, and ends
with the process that started it.
"""

import abc
from collections.abc import Sequence
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

import fixtures
import sqlalchemy as sa

#: Seconds until a server must accept connections, or must have stopped.
TIMEOUT = 60

DATABASE = 'pci_ext'


class ServerUnusable(Exception):
    """A server that cannot be started; the message says the remedy."""


class Server(fixtures.Fixture, abc.ABC):
    """A database server, with an empty database.

    :cvar package: Debian's package of the server
    :cvar user: the user that the package creates; the server runs as this user
        if root runs the tests, because servers refuse to run as root
    :ivar folder: the folder with all files of the server
    :ivar connection: the URL of the database
    """

    package: str
    user: str
    stop_signal: signal.Signals

    @abc.abstractmethod
    def initialize(self) -> None:
        """Create the data directory of the server."""

    @abc.abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line of the server."""

    @abc.abstractmethod
    def url(self, database: str) -> str:
        """Return the URL of a database."""

    def _setUp(self) -> None:
        self.folder = self.useFixture(fixtures.TempDir()).path
        if os.geteuid() == 0:
            shutil.chown(self.folder, self._account().pw_uid)
        self.initialize()
        self._start()
        self._create_database()
        self.connection = self.url(DATABASE)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def program(self, name: str) -> str:
        """Find a program of the server's package.

        :raises ServerUnusable: if the program is missing; names the package
        """
        folders = [
            *os.get_exec_path(),
            '/usr/sbin',
            *sorted(
                glob.glob('/usr/lib/postgresql/*/bin'),
                key=lambda path: [int(n) for n in re.findall(r'\d+', path)],
                reverse=True,
            ),
        ]
        found = shutil.which(name, path=os.pathsep.join(folders))
        if found is None:
            raise self._missing(f'the program {name}')
        return found

    def run(self, *command: str) -> None:
        """Run a program of the server's package as the server's user."""
        done = subprocess.run(
            self._as_user(command),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise ServerUnusable(f'{command} failed: {done.stdout}')

    def _account(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(self.user)
        except KeyError:
            raise self._missing(f'the user {self.user}') from None

    def _missing(self, name: str) -> ServerUnusable:
        return ServerUnusable(
            f"The tests of the databases need Debian's package {self.package}:"
            f' {name} is missing. Run "apt-get install {self.package}", or '
            'install all that "bindep -b test" names.'
        )

    def _as_user(self, command: Sequence[str]) -> list[str]:
        # The server must also end if the tests are killed.
        prefix = ['setpriv', '--pdeathsig', self.stop_signal.name[3:]]
        if os.geteuid() == 0:
            account = self._account()
            prefix += [
                f'--reuid={account.pw_uid}',
                f'--regid={account.pw_gid}',
                '--init-groups',
            ]
        return [*prefix, *command]

    def _start(self) -> None:
        with open(self.path('log'), 'w') as log:
            self._process = subprocess.Popen(
                self._as_user(self.command()),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.addCleanup(self._stop)

    def _stop(self) -> None:
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _create_database(self) -> None:
        engine = sa.create_engine(
            self.url(self.user),
            isolation_level='AUTOCOMMIT',
            poolclass=sa.NullPool,
        )
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                with engine.connect() as connection:
                    connection.execute(sa.text(f'CREATE DATABASE {DATABASE}'))
                    return
            except sa.exc.OperationalError as error:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    with open(self.path('log')) as log:
                        raise ServerUnusable(
                            f'{self.package} does not start: {error}\n'
                            + log.read()
                        ) from error
            time.sleep(0.1)


class MariaDB(Server):
    package = 'mariadb-server'
    user = 'mysql'
    stop_signal = signal.SIGTERM

    @property
    def _tmpdir(self) -> str:
        # A server removes all temporary tables in this folder at its start,
        # those of other servers too.
        return f'--tmpdir={self.folder}'

    def initialize(self) -> None:
        self.run(
            self.program('mariadb-install-db'),
            '--no-defaults',
            f'--datadir={self.path("data")}',
            self._tmpdir,
            '--auth-root-authentication-method=normal',
            '--skip-test-db',
        )

    def command(self) -> Sequence[str]:
        return (
            self.program('mariadbd'),
            '--no-defaults',
            f'--datadir={self.path("data")}',
            self._tmpdir,
            f'--socket={self.path("socket")}',
            '--skip-networking',
            # The server must refuse text that the tables do not declare.
            '--character-set-server=latin1',
            # The data need not survive a crash.
            '--innodb-flush-log-at-trx-commit=0',
            '--innodb-doublewrite=OFF',
        )

    def url(self, database: str) -> str:
        return (
            f'mysql+pymysql://root@localhost/{database}'
            f'?charset=utf8mb4&unix_socket={self.path("socket")}'
        )


class PostgreSQL(Server):
    package = 'postgresql'
    user = 'postgres'
    # A fast shutdown, which does not wait for clients.
    stop_signal = signal.SIGINT

    def initialize(self) -> None:
        self.run(
            self.program('initdb'),
            f'--pgdata={self.path("data")}',
            f'--username={self.user}',
            '--auth=trust',
            '--encoding=UTF8',
            # The order of a language, so that tests of queries that rely on
            # the order of bytes fail.
            '--locale=C.UTF-8',
            '--locale-provider=icu',
            '--icu-locale=en-US',
            '--no-sync',
        )

    def command(self) -> Sequence[str]:
        settings = {
            'unix_socket_directories': self.folder,
            'listen_addresses': '',
            # The data need not survive a crash.
            'fsync': 'off',
            'synchronous_commit': 'off',
            'full_page_writes': 'off',
        }
        return (
            self.program('postgres'),
            '-D',
            self.path('data'),
            *(f'--{name}={value}' for name, value in settings.items()),
        )

    def url(self, database: str) -> str:
        return (
            f'postgresql+psycopg2://{self.user}@/{database}?host={self.folder}'
        )
