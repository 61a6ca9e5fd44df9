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

"""pci-ext-exporter as a program."""

import re
import signal
import subprocess
import sys
import threading
from urllib import request

import fixtures

MAIN = (
    'import sys; from pci_ext.cmd import exporter; sys.exit(exporter.main())'
)


class Exporter(fixtures.Fixture):
    """Runs pci-ext-exporter until the end of a test.

    :ivar url: of the metrics
    """

    def __init__(self, conf):
        """Take the path of a configuration file."""
        self._conf = conf

    def _setUp(self):
        self._process = subprocess.Popen(
            [sys.executable, '-c', MAIN, '--config-file', self._conf],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(self._process.stdout.close)
        self.addCleanup(self._process.wait)
        self.addCleanup(self._process.kill)
        log = []
        for line in self._process.stdout:
            log.append(line)
            found = re.search(r'Metrics are at (http://\S+)', line)
            if found:
                break
        else:
            raise AssertionError(f'It ended: {"".join(log)}')
        self.url = found[1]
        # It would wait for a reader of its log.
        thread = threading.Thread(target=self._process.stdout.read)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self._process.kill)

    def scrape(self):
        with request.urlopen(self.url, timeout=60) as response:
            return response.read().decode()

    def terminate(self):
        """Send SIGTERM, and return the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)
