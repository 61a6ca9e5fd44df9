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

"""All-in-ones that start sooner than the command.

They are forks of a process that has done the imports, and their databases are
copies: imports take four seconds of a processor, migrations three.
"""

from collections.abc import Sequence
import contextlib
import functools
import multiprocessing
from multiprocessing import connection
from multiprocessing import forkserver
import os
import runpy
import signal
import sqlite3
import subprocess
import sys
import tempfile
from typing import IO

from pci_ext.cmd.allinone import config
from pci_ext.tests.functional import process

_context = multiprocessing.get_context('forkserver')
_context.set_forkserver_preload(['pci_ext.tests.functional.preloaded'])


def _run(
    arguments: Sequence[str], stdout: connection.Connection, stderr: str
) -> None:
    """Run a module, as ``python -m`` does, in a new process."""
    os.dup2(stdout.fileno(), 1)
    with open(stderr, 'w', encoding='utf-8') as stream:
        os.dup2(stream.fileno(), 2)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name='__main__', alter_sys=True)


class _Fork:
    """A process, with the interface of one that is no fork.

    :param arguments: the name of a module and its arguments
    :param stderr: the path of a file for the standard error
    """

    def __init__(self, arguments: Sequence[str], stderr: str) -> None:
        reader, writer = _context.Pipe(duplex=False)
        self._process = _context.Process(
            target=_run, args=(arguments, writer, stderr), daemon=True
        )
        self._process.start()
        writer.close()
        self.stdout: IO[str] | None = os.fdopen(
            os.dup(reader.fileno()), encoding='utf-8'
        )
        reader.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired('all-in-one', timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def _templates() -> tempfile.TemporaryDirectory[str]:
    """Return the directory of the databases that are copied."""
    return tempfile.TemporaryDirectory(prefix='pci-ext-functional-')


def prepare() -> None:
    """Make what all forks share.

    To be called outside of tests that use one: the temporary directory of a
    test is removed at its end.
    """
    _templates()
    forkserver.ensure_running()


def _copy(source: str, target: str) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as original,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)


def _empty(path: str) -> None:
    """Delete all rows but the version: no migration inserts any."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        tables = database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        )
        for (name,) in tables.fetchall():
            if name != 'alembic_version':
                database.execute(f'DELETE FROM "{name}"')  # noqa: S608
        database.commit()


class AllInOne(process.AllInOne):
    """One fork and its data directory."""

    def start(self, port: int = 0) -> None:
        """Start the process and wait until it writes READY.

        :raises StartError: with the output of the process, if it does not
        """
        templates = _templates().name
        has_templates = bool(os.listdir(templates))
        if has_templates and not os.path.exists(self.data_dir):
            os.mkdir(self.data_dir)
            for name in os.listdir(templates):
                _copy(
                    os.path.join(templates, name),
                    os.path.join(self.data_dir, name),
                )
        super().start(port)
        if not has_templates:
            for name in config.DATABASES:
                path = os.path.join(templates, f'{name}.db')
                _copy(os.path.join(self.data_dir, f'{name}.db'), path)
                _empty(path)

    def _launch(self, arguments: Sequence[str]) -> process.Process:
        # Eventlet cannot be started after the imports.
        if os.environ.get('OS_NOVA_DISABLE_EVENTLET_PATCHING') == 'false':
            return super()._launch(arguments)
        return _Fork(arguments, self._path('stderr'))
