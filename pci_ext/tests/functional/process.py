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

"""pci-ext-allinone in a separate process, on a free port."""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import json
import os
import re
import selectors
import signal
import sqlite3
import subprocess
import sys
from typing import Any
from typing import IO
from typing import Protocol

from pci_ext.cmd.allinone import config as config_module
from pci_ext.cmd.allinone import stub_services

#: Seconds; the first start takes ten of a processor that may be busy.
START_TIMEOUT = 180
STOP_TIMEOUT = 60

LOG_TAIL = 6000

#: The tokens of the stub of keystone, by cloud of clouds.yaml.
TOKENS = {
    'pci-ext': 'admin',
    'pci-ext-member': f'member:{config_module.MEMBER_PROJECT}:member,reader',
    # In the project of the administrator.
    'pci-ext-admin-member': f'member:{stub_services.ADMIN[1]}:member,reader',
    'pci-ext-admin-reader': f'reader:{stub_services.ADMIN[1]}:reader',
}

#: The module that runs the all-in-one without pci_ext.
PLAIN_NOVA = 'pci_ext.tests.functional.plain_nova'

_READY = re.compile(r'READY http://127\.0\.0\.1:(\d+)/\n')


class StartError(Exception):
    """The process ended, or was not ready in time."""


class Process(Protocol):
    """A process, as the module subprocess knows it."""

    pid: int
    stdout: IO[str] | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...


class AllInOne:
    """One process and its data directory.

    :param directory: an empty directory, for the data and configuration files
    :param hosts: the cards of each host, as in a hardware file
    :param config: the content of a configuration file of Nova
    """

    #: The module to run.
    MODULE = (
        'pci_ext.tests.functional.with_eventlet'
        if os.environ.get('OS_NOVA_DISABLE_EVENTLET_PATCHING') == 'false'
        else 'pci_ext.cmd.allinone'
    )

    def __init__(
        self,
        directory: str,
        hosts: Mapping[str, Sequence[Mapping[str, Any]]],
        config: str = '',
    ) -> None:
        self.directory = directory
        self.data_dir = os.path.join(directory, 'data')
        self.process: Process | None = None
        self.port = 0
        self.write_hardware(hosts)
        self.write_config(config)

    def write_hardware(
        self, hosts: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> None:
        """Write the cards of the hosts; a running process finds new ones."""
        listed = [
            {'name': name, 'cards': cards} for name, cards in hosts.items()
        ]
        self._write('hardware.json', json.dumps({'hosts': listed}))

    def write_config(self, config: str) -> None:
        """Write the configuration file; a process reads it on SIGHUP."""
        self._write('test.conf', config)

    @property
    def config_file(self) -> str:
        return self._path('test.conf')

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _write(self, name: str, content: str) -> None:
        new = self._path(f'{name}.new')
        with open(new, 'w', encoding='utf-8') as stream:
            stream.write(content)
        # A process must not read a partly written file.
        os.replace(new, self._path(name))

    @property
    def config_files(self) -> tuple[str, ...]:
        """The paths of the configuration files of Nova."""
        return os.path.join(self.data_dir, 'nova.conf'), self.config_file

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    @property
    def compute_url(self) -> str:
        return f'{self.url}/compute/v2.1'

    @property
    def clouds_yaml(self) -> str:
        return os.path.join(self.data_dir, 'clouds.yaml')

    @property
    def member_project(self) -> str:
        """The id of the project of the cloud pci-ext-member."""
        return config_module.MEMBER_PROJECT

    @property
    def other_hosts(self) -> tuple[str, ...]:
        """The names of hosts that the test did not define."""
        return ()

    @property
    def other_projects(self) -> tuple[str, str]:
        """The ids of two other projects."""
        return 'one', 'two'

    def token(self, name: str) -> str:
        """Return the token of the user of a cloud."""
        return TOKENS[name]

    def query(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Query the database of Nova's cell."""
        uri = f'file:{os.path.join(self.data_dir, "nova_cell1.db")}?mode=ro'
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            return list(connection.execute(statement, values))

    def domains_file(self, host: str) -> str:
        """Return the path of the file with the domains of a host."""
        return os.path.join(self.data_dir, 'computes', host, 'domains.json')

    def start(self, port: int = 0) -> None:
        """Start the process and wait until it writes READY.

        :raises StartError: with the output of the process, if it does not
        """
        self.process = self._launch(
            [
                self.MODULE,
                *('--data-dir', self.data_dir, '--port', str(port)),
                *('--hardware', self._path('hardware.json')),
                *('--config-file', self.config_file),
            ]
        )
        line = self._read_line(self.process)
        match = _READY.fullmatch(line or '')
        if not match:
            status = self.stop()
            reason = f'status {status}, {line!r}'
            if line is None:
                reason = f'not ready after {START_TIMEOUT} s'
            raise StartError(f'{reason}\n{self.stderr()}\n{self.log()}')
        self.port = int(match[1])

    def _launch(self, arguments: Sequence[str]) -> Process:
        """Start a process.

        :param arguments: the name of a module and its arguments
        """
        with open(self._path('stderr'), 'w', encoding='utf-8') as stderr:
            return subprocess.Popen(
                [sys.executable, '-m', *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def _read_line(self, process: Process) -> str | None:
        """Return a line, '' at the end of the output, None if none came."""
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(START_TIMEOUT):
                return None
        return process.stdout.readline()

    def stop(self) -> int:
        """Stop the process, if it runs, and return its exit status.

        :raises subprocess.TimeoutExpired: if the process had to be killed
        """
        if self.process is None:
            return 0
        process, self.process = self.process, None
        assert process.stdout is not None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def set_active(self, active: bool) -> None:
        """Restart Nova with or without pci_ext, unless it runs so."""
        module = type(self).MODULE if active else PLAIN_NOVA
        if module != self.MODULE:
            self.stop()
            self.MODULE = module
            self.start(self.port)

    def kill_and_start(self) -> None:
        """Kill the process, and start it again on its port."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.stop()
        self.start(self.port)

    def stderr(self) -> str:
        """Return the standard error of the process."""
        with open(self._path('stderr'), encoding='utf-8') as stream:
            return stream.read()

    def log_lines(self, text: str) -> list[str]:
        """Return the log lines of the services with a text, in order."""
        path = os.path.join(self.data_dir, 'nova.log')
        with open(path, encoding='utf-8') as stream:
            return [line for line in stream if text in line]

    def log(self) -> str:
        """Return the end of the log of the services."""
        try:
            path = os.path.join(self.data_dir, 'nova.log')
            with open(path, encoding='utf-8') as stream:
                return stream.read()[-LOG_TAIL:]
        except (FileNotFoundError, NotADirectoryError):
            return ''
