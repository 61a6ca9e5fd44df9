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

"""Runs of tempest, by stestr."""

from collections.abc import Iterable
import importlib.util
import os
import pathlib
import subprocess

#: All tests of the compute API.
TESTS = r'^tempest\.(serial_tests\.)?api\.compute\.'

#: Tests that run at the same time; they mostly wait for servers.
CONCURRENCY = 2

#: Seconds for a test.
TEST_TIMEOUT = 600


class Run:
    """A run of tempest against one cloud.

    :param directory: a directory with a tempest.conf, for its files
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        specification = importlib.util.find_spec('tempest')
        assert specification is not None
        assert specification.origin is not None
        self._package = pathlib.Path(specification.origin).parent
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """The path of the file with the output of stestr."""
        return os.path.join(self._directory, 'stestr.log')

    def tests(self) -> list[str]:
        """Return the ids of all tests of the compute API."""
        self._stestr('init').check_returncode()
        listed = self._stestr('list', TESTS)
        listed.check_returncode()
        lines = listed.stdout.decode().splitlines()
        return [line for line in lines if line.startswith('tempest.')]

    def start(self, tests: Iterable[str]) -> None:
        """Start to run tests."""
        path = os.path.join(self._directory, 'tests')
        with open(path, 'w', encoding='utf-8') as stream:
            stream.writelines(f'{test}\n' for test in tests)
        with open(self.output, 'wb') as output:
            self._process = subprocess.Popen(
                self._command(
                    *('run', '--load-list', path),
                    *('--concurrency', str(CONCURRENCY)),
                    # The tests of a class share its servers.
                    *('--group-regex', r'([^\.]*\.)*'),
                ),
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> bytes:
        """Wait for the end of the run, and return its subunit stream."""
        assert self._process is not None
        self._process.wait()
        return self._stestr('last', '--subunit').stdout

    def stop(self) -> None:
        """Stop the run if it has not ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _stestr(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self._command(*arguments),
            env=self._environment(),
            stdout=subprocess.PIPE,
        )

    def _command(self, *arguments: str) -> list[str]:
        return [
            *('stestr', '--repo-url', self._directory),
            *('--test-path', str(self._package / 'test_discover')),
            *('--top-dir', str(self._package.parent)),
            *arguments,
        ]

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            'TEMPEST_CONFIG_DIR': self._directory,
            'OS_TEST_TIMEOUT': str(TEST_TIMEOUT),
        }
