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

"""Processes that outlive the command that starts them.

A file in ``run`` identifies each process, so that only processes started here
are stopped.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import time

from pci_ext.tests.deployment.cloud import state_directory

#: Seconds until most processes are ready, or have ended.
TIMEOUT = 180
STOP_TIMEOUT = 30


@dataclasses.dataclass(frozen=True)
class Process:
    """A process of a deployment.

    :ivar name: name of the file in ``run``, and of the output in ``log``
    :ivar files: files that it reads at its start; it is restarted when they
        change
    :ivar is_ready: called until it returns True
    :ivar inside: name of the process in whose namespaces it runs
    :ivar network: whether it runs in the network namespace too
    :ivar timeout: seconds until it is ready, or has ended
    """

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool]
    environ: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: tuple[str, ...] = ()
    inside: str | None = None
    network: bool = True
    timeout: int = TIMEOUT


class Supervisor:
    """Starts and stops the processes of a deployment."""

    def __init__(self, state: state_directory.State) -> None:
        self._state = state
        for name in ('run', 'log'):
            os.makedirs(state.path(name), exist_ok=True)

    def _file(self, name: str) -> str:
        return self._state.path('run', f'{name}.json')

    def log(self, name: str) -> str:
        return self._state.path('log', f'{name}.out')

    def names(self) -> list[str]:
        """Return the names of started processes, the latest last."""
        folder = self._state.path('run')
        files = [
            os.path.join(folder, name)
            for name in os.listdir(folder)
            if name.endswith('.json')
        ]
        files.sort(key=lambda path: os.stat(path).st_mtime_ns)
        return [os.path.basename(path)[: -len('.json')] for path in files]

    def _record(self, name: str) -> dict[str, str]:
        try:
            with open(self._file(name)) as stream:
                return dict(json.load(stream))
        except FileNotFoundError:
            return {}

    def pid(self, name: str) -> int | None:
        """Return the id of a process; None if it does not run."""
        record = self._record(name)
        if not record:
            return None
        pid = int(record['pid'])
        return pid if _birth(pid) == record['birth'] else None

    def start(self, process: Process) -> bool:
        """Start a process, or restart it if its files have changed.

        :returns: False if it was running already
        """
        digest = _digest(process)
        if self.pid(process.name) is not None:
            if self._record(process.name)['digest'] == digest:
                return False
            self.stop(process.name)
        command = [*self._enter_command(process), *process.command]
        with open(self.log(process.name), 'a') as log:
            started = subprocess.Popen(
                command,
                cwd=self._state.directory,
                env={**_environment(), **process.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        birth = _birth(started.pid)
        with open(self._file(process.name), 'w') as stream:
            json.dump(
                {'pid': started.pid, 'birth': birth, 'digest': digest}, stream
            )
        return True

    def _enter_command(self, process: Process) -> Iterable[str]:
        if process.inside is None:
            return ()
        pid = self.pid(process.inside)
        if pid is None:
            raise state_directory.DeployError(
                f'{process.inside} does not run.'
            )
        namespaces = ['--mount', '--uts']
        if process.network:
            namespaces.append('--net')
        return ('nsenter', f'--target={pid}', *namespaces, '--')

    def wait(self, process: Process) -> None:
        """Wait until a process is ready.

        :raises DeployError: if it ends, or is not ready in time
        """
        deadline = time.monotonic() + process.timeout
        while not process.is_ready():
            ended = self.pid(process.name) is None
            if ended or time.monotonic() > deadline:
                raise state_directory.DeployError(
                    f'{process.name} '
                    f'{"has ended" if ended else "does not get ready"}, see '
                    f'{self.log(process.name)}:\n{self.tail(process.name)}'
                )
            time.sleep(0.2)

    def tail(self, name: str, characters: int = 3000) -> str:
        """Return the end of the output of a process."""
        with open(self.log(name), errors='replace') as stream:
            return stream.read()[-characters:]

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """Stop a process, and the other processes of its session."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + STOP_TIMEOUT
            while self.pid(name) is not None:
                if time.monotonic() > deadline:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
                time.sleep(0.05)
            # Children of a killed process.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGTERM)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._file(name))


def _environment() -> dict[str, str]:
    # The services need no proxy, and must not read the caller's variables for
    # Python and OpenStack.
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(('OS_', 'PYTHON', 'PCI_EXT_', 'TOX_'))
        and not key.lower().endswith('_proxy')
    }


def _birth(pid: int) -> str | None:
    """Return the start time of a process, which identifies it with its id."""
    try:
        with open(f'/proc/{pid}/stat') as stream:
            fields = stream.read().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A zombie: it has ended, and its parent has not read its status.
    if fields[0] == 'Z':
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return None
    return fields[19]


def _digest(process: Process) -> str:
    digest = hashlib.sha256()
    digest.update(repr((process.command, dict(process.environ))).encode())
    for path in process.files:
        with open(path, 'rb') as stream:
            digest.update(stream.read())
    return digest.hexdigest()
