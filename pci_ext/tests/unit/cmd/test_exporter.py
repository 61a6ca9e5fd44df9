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

"""The command pci-ext-exporter."""

import io
import logging
import signal
import socket
import subprocess
import sys

import fixtures
from oslotest import base as oslotest_base

from pci_ext.cmd import exporter as command
from pci_ext.tests.unit.exporter import base
from pci_ext.tests.unit.exporter import program

WITHOUT_EXTRA = f"""
import sys
sys.modules['prometheus_client'] = None
{program.MAIN}
"""


class ServedMetricsTestCase(oslotest_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(base.Cloud())
        self.cloud.pools = [base.pool('host-1', 'a', 8, 8)]

    def start(self, max_wait):
        """Start the command.

        :param max_wait: the option
        """
        conf = self.useFixture(fixtures.TempDir()).join('exporter.conf')
        with open(conf, 'w') as file:
            file.write(base.CONFIG.format(url=self.cloud.url))
            file.write(f'max_wait = {max_wait}\n')
        return self.useFixture(program.Exporter(conf))

    def test_serves_metrics_until_sigterm(self):
        exporter = self.start(max_wait=60)
        text = exporter.scrape()
        self.assertIn('pci_ext_up{source="pools"} 1.0\n', text)
        self.assertIn(
            'pci_ext_pool_devices{host="host-1",pool="a",status="available"} '
            '8.0\n',
            text,
        )
        self.assertEqual(0, exporter.terminate())

    def test_ends_during_a_read(self):
        self.cloud.gate.clear()
        self.addCleanup(self.cloud.gate.set)
        exporter = self.start(max_wait=1)
        text = exporter.scrape()
        self.assertIn('pci_ext_up{source="pools"} 0.0\n', text)
        self.assertEqual(0, exporter.terminate())


class WrongConfigurationTestCase(oslotest_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        root = logging.getLogger()
        self.addCleanup(root.setLevel, root.level)
        self.useFixture(
            fixtures.MonkeyPatch('logging.root.handlers', root.handlers[:])
        )

    def error_of(self, text):
        """Run the command, and return its standard error."""
        conf = self.useFixture(fixtures.TempDir()).join('exporter.conf')
        with open(conf, 'w') as file:
            file.write(text)
        stderr = io.StringIO()
        with fixtures.MonkeyPatch('sys.stderr', stderr):
            self.assertEqual(1, command.main([f'--config-file={conf}']))
        return stderr.getvalue()

    def test_no_user(self):
        self.assertIn(
            'value required for option auth_type in group [service_user]',
            self.error_of(''),
        )

    def test_unknown_plugin(self):
        self.assertIn(
            'passwort',
            self.error_of('[service_user]\nauth_type = passwort\n'),
        )

    def test_incomplete_user(self):
        self.assertIn(
            'auth_url',
            self.error_of('[service_user]\nauth_type = password\n'),
        )

    def test_wrong_option(self):
        self.assertIn(
            'cache_time',
            self.error_of(
                '[service_user]\nauth_type = none\n'
                '[exporter]\ncache_time = often\n'
            ),
        )

    def test_port_in_use(self):
        with socket.create_server(('127.0.0.1', 0)) as used:
            port = used.getsockname()[1]
            self.assertIn(
                'Address already in use',
                self.error_of(
                    f'[service_user]\nauth_type = none\n'
                    f'[exporter]\nport = {port}\n'
                ),
            )

    def test_missing_extra(self):
        done = subprocess.run(
            [sys.executable, '-c', WITHOUT_EXTRA],
            capture_output=True,
            text=True,
        )
        self.assertEqual(1, done.returncode)
        self.assertIn("pip install 'pci_ext[exporter]'", done.stderr)
