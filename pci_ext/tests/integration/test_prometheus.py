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

"""A real Prometheus, and the exporter as a program."""

import datetime
import json
import pathlib
import shutil
import socket
import subprocess
import time
from urllib import parse
from urllib import request

import fixtures
from oslotest import base as oslotest_base

import pci_ext
from pci_ext.tests.unit.exporter import base
from pci_ext.tests.unit.exporter import program

ALERTS = (
    pathlib.Path(pci_ext.__file__)
    .parents[1]
    .joinpath('etc', 'pci_ext', 'prometheus', 'pci-ext-alerts.yaml')
)

PROMETHEUS = shutil.which('prometheus')

CONFIG = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - alerts.yaml
scrape_configs:
  - job_name: pci_ext
    static_configs:
      - targets: ['{target}']
"""

# In seconds.
TIMEOUT = 60


def ago(**age):
    """Return a time of the past as Nova shows it."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return (now - datetime.timedelta(**age)).isoformat()


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        return taken.getsockname()[1]


class PrometheusTestCase(oslotest_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        if PROMETHEUS is None:
            self.fail(
                'The program prometheus is missing. Run "apt-get install '
                'prometheus", or install all that "bindep -b test" names.'
            )
        self.cloud = self.useFixture(base.Cloud())
        self.cloud.pools = [base.pool('host-1', 'a', 8, 6, ['gpu'])]
        self.cloud.services = [base.host_service('host-1', ago(seconds=5))]
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        conf = self.folder / 'exporter.conf'
        conf.write_text(
            base.CONFIG.format(url=self.cloud.url) + 'cache_time = 0\n'
        )
        exporter = self.useFixture(program.Exporter(conf))
        self.start(parse.urlsplit(exporter.url).netloc)

    def start(self, target):
        """Start a Prometheus that scrapes a target."""
        (self.folder / 'prometheus.yaml').write_text(
            CONFIG.format(target=target)
        )
        # Nobody waits a minute in a test.
        alerts = ALERTS.read_text().replace('for: 1m', 'for: 1s')
        (self.folder / 'alerts.yaml').write_text(alerts)
        self.address = f'127.0.0.1:{free_port()}'
        process = subprocess.Popen(
            [
                PROMETHEUS,
                f'--config.file={self.folder}/prometheus.yaml',
                f'--storage.tsdb.path={self.folder}/data',
                f'--web.listen-address={self.address}',
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def get(self, path):
        """Return an answer of Prometheus; None while it does not answer."""
        try:
            with request.urlopen(f'http://{self.address}{path}') as response:
                return json.load(response)['data']
        except OSError:
            return None

    def query(self, expression):
        """Return the values of an expression, each with its labels."""
        query = parse.urlencode({'query': expression})
        found = self.get(f'/api/v1/query?{query}') or {'result': []}
        return [
            (item['metric'], float(item['value'][1]))
            for item in found['result']
        ]

    def firing(self):
        found = self.get('/api/v1/alerts') or {'alerts': []}
        return {
            (alert['labels']['alertname'], alert['labels'].get('host'))
            for alert in found['alerts']
            if alert['state'] == 'firing'
        }

    def wait_for(self, condition):
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end:
                self.fail('It did not happen in time.')
            time.sleep(0.2)

    def test_scrapes_the_exporter(self):
        self.wait_for(lambda: self.query('pci_ext_host_devices'))
        found = {
            (labels['host'], labels['pci_flavor'], labels['status']): value
            for labels, value in self.query('pci_ext_host_devices')
        }
        self.assertEqual(
            {
                ('host-1', 'gpu', 'available'): 6,
                ('host-1', 'gpu', 'allocated'): 2,
                ('host-1', 'gpu', 'unavailable'): 0,
            },
            found,
        )

    def test_the_alert_for_a_host_that_stopped_reporting_fires(self):
        self.wait_for(lambda: self.query('pci_ext_host_enabled'))
        # Two evaluations of the rules.
        time.sleep(2)
        self.assertEqual(set(), self.firing())
        self.cloud.services = [base.host_service('host-1', ago(minutes=10))]
        self.wait_for(
            lambda: ('PciHostStoppedReporting', 'host-1') in self.firing()
        )
