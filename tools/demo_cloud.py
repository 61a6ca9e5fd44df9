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

"""The services of the demonstration, and the openstack command."""

from collections.abc import Iterable
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
from typing import Any

HARDWARE = pathlib.Path('etc/pci_ext/samples/demo.yaml').resolve()
BIN = pathlib.Path(sys.executable).parent

ADMIN, MEMBER = 'pci-ext', 'pci-ext-member'


class DemoError(Exception):
    """A check of the demonstration failed."""


def say(text: str) -> None:
    print(f'\n==> {text}', flush=True)


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows below a header, in columns."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ['-' * width for width in widths])
    for line in lines:
        cells = zip(line, widths, strict=True)
        text = '  '.join(f'{cell:{width}}' for cell, width in cells)
        print(f'    {text}'.rstrip())
    sys.stdout.flush()


class Cloud:
    """The services, and the openstack command.

    :param data_dir: directory of their data; they create it
    :param user: a cloud of their ``clouds.yaml``
    """

    def __init__(self, data_dir: pathlib.Path, user: str = ADMIN) -> None:
        self.data_dir = data_dir
        self.user = user
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start the services, and return their URL when they are ready."""
        command = [
            *(BIN / 'pci-ext-allinone', '--data-dir', self.data_dir),
            *('--port', '0', '--computes', '3', '--hardware', HARDWARE),
        ]
        print(f'$ {shlex.join(map(str, command))}', flush=True)
        progress = self.data_dir.with_suffix('.progress')
        with progress.open('w') as stderr:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith('READY '):
            raise DemoError(
                f'the services are not READY:\n{progress.read_text()}'
            )
        print(f'    {line}', end='', flush=True)
        return line.split()[1]

    def stop(self) -> None:
        """Stop the services, if they run."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            status, self.process = self.process.wait(30), None
            if status:
                raise DemoError(f'the services stopped with status {status}')

    def log(self) -> str:
        path = self.data_dir / 'nova.log'
        return path.read_text() if path.exists() else ''

    def openstack(self, *arguments: str, quiet: bool = False) -> Any:
        """Run a command that shows or lists resources; parse its JSON."""
        if not quiet:
            self._print(arguments)
        return json.loads(self._run(*arguments, '-f', 'json'))

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run another command, and return its last line."""
        self._print(arguments)
        *_, last = ['', *self._run(*arguments, fails=fails).splitlines()]
        if fails:
            print(f'    {last}', flush=True)
        return last

    def _print(self, arguments: Iterable[str]) -> None:
        option = '' if self.user == ADMIN else f'--os-cloud {self.user} '
        print(f'$ openstack {option}{shlex.join(arguments)}', flush=True)

    def _run(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [BIN / 'openstack', *arguments],
            env=os.environ
            | {
                'OS_CLIENT_CONFIG_FILE': str(self.data_dir / 'clouds.yaml'),
                'OS_CLOUD': self.user,
                'PYTHONWARNINGS': 'ignore',
            },
            capture_output=True,
            text=True,
        )
        if bool(done.returncode) != fails:
            command = shlex.join(['openstack', *arguments])
            raise DemoError(f'{command}:\n{done.stdout}{done.stderr}')
        return done.stderr if fails else done.stdout
