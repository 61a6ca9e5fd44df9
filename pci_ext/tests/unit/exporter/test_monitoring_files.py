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

"""The alert rules and the dashboard, which use the metrics of the exporter."""

import json
import pathlib
import re
import shutil
import subprocess

import fixtures
import prometheus_client
import testtools
import yaml

import pci_ext
from pci_ext.exporter import operations
from pci_ext.tests.unit.exporter import base

ROOT = pathlib.Path(pci_ext.__file__).parents[1]
ALERTS = ROOT / 'etc/pci_ext/prometheus/pci-ext-alerts.yaml'
ALERTS_TEST = pathlib.Path(__file__).with_name('alerts_test.yaml')
DASHBOARD = ROOT / 'etc/pci_ext/grafana/pci-ext-dashboard.json'
PAGE = ROOT / 'doc/source/admin/metrics.rst'

PROMTOOL = shutil.which('promtool')


def rules():
    [group] = yaml.safe_load(ALERTS.read_text())['groups']
    return group['rules']


def expressions(panels):
    """List the expressions of the panels of a dashboard."""
    return [target['expr'] for panel in panels for target in panel['targets']]


def metrics_in(text):
    return set(re.findall(r'\bpci_ext_\w+', text))


class MonitoringFilesTestCase(base.ExporterTestCase):
    def setUp(self):
        super().setUp()
        operations.Operations(self.registry)
        self.dashboard = json.loads(DASHBOARD.read_text())

    def samples(self):
        """List the names of all samples that there can be."""
        # Suffixes by type, as in the text format.
        suffixes = {
            'counter': ['_total'],
            'gauge': [''],
            'histogram': ['_bucket', '_sum', '_count'],
            'info': ['_info'],
        }
        return {
            family.name + suffix
            for family in self.registry.collect()
            for suffix in suffixes[family.type]
        }

    def test_alerts_use_metrics_that_there_are(self):
        used = metrics_in(' '.join(rule['expr'] for rule in rules()))
        self.assertLess(5, len(used))
        self.assertEqual(set(), used - self.samples())

    def test_alerts_explain_themselves(self):
        for rule in rules():
            self.assertEqual(
                {'summary', 'description'}, rule['annotations'].keys()
            )
            self.assertIn(rule['labels']['severity'], ('critical', 'warning'))

    def test_the_dashboard_uses_metrics_that_there_are(self):
        texts = expressions(self.dashboard['panels']) + [
            variable['definition']
            for variable in self.dashboard['templating']['list']
            if 'definition' in variable
        ]
        used = metrics_in(' '.join(texts))
        self.assertLess(10, len(used))
        self.assertEqual(set(), used - self.samples())

    def test_the_dashboard_uses_variables_that_it_has(self):
        known = {
            variable['name']
            for variable in self.dashboard['templating']['list']
        }
        used = set(re.findall(r'\$\{?(\w+)', json.dumps(self.dashboard)))
        self.assertEqual(known, used - {'__all', '__rate_interval'})

    def test_panels_of_the_dashboard_do_not_overlap(self):
        places = [
            (place['x'] + x, place['y'] + y)
            for place in (
                panel['gridPos'] for panel in self.dashboard['panels']
            )
            for x in range(place['w'])
            for y in range(place['h'])
        ]
        self.assertEqual(len(places), len(set(places)))
        self.assertLess(max(x for x, _y in places), 24)

    def test_the_page_has_each_metric(self):
        # A counter and an info have the suffix in their only sample.
        documented = {
            text.partition('{')[0]
            for text in re.findall(
                r'(?m)^   \* - ``(pci_ext_\S+)``$', PAGE.read_text()
            )
        }
        names = {
            family.name
            + {'counter': '_total', 'info': '_info'}.get(family.type, '')
            for family in self.registry.collect()
        }
        self.assertEqual(names, documented)

    def test_the_page_has_each_alert(self):
        text = PAGE.read_text()
        for rule in rules():
            self.assertIn(f'``{rule["alert"]}``', text)


@testtools.skipUnless(PROMTOOL, 'promtool is not installed')
class PromtoolTestCase(base.ExporterTestCase):
    def promtool(self, *arguments, text=None):
        done = subprocess.run(
            [PROMTOOL, *arguments],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.assertEqual(0, done.returncode, done.stdout)

    def test_alerts_are_correct(self):
        self.promtool('check', 'rules', ALERTS)

    def test_alerts_fire(self):
        self.promtool('test', 'rules', ALERTS_TEST)

    def test_each_alert_is_tested(self):
        expected = {
            case['alertname']
            for test in yaml.safe_load(ALERTS_TEST.read_text())['tests']
            for case in test['alert_rule_test']
            if 'exp_alerts' in case
        }
        self.assertEqual({rule['alert'] for rule in rules()}, expected)

    def test_expressions_of_the_dashboard_are_correct(self):
        panels = json.loads(DASHBOARD.read_text())['panels']
        recorded = [
            {
                'record': f'panel:{number}',
                'expr': text.replace('$__rate_interval', '5m'),
            }
            for number, text in enumerate(expressions(panels))
        ]
        path = self.useFixture(fixtures.TempDir()).join('rules.yaml')
        with open(path, 'w') as file:
            yaml.safe_dump(
                {'groups': [{'name': 'panels', 'rules': recorded}]}, file
            )
        self.promtool('check', 'rules', path)

    def test_metrics_are_correct(self):
        self.cloud.flavors = [
            {'name': 'gpu', 'uuid': '1', 'usage': base.usage(9, 4, 3)}
        ]
        self.cloud.pools = [base.pool('host-1', 'a', 8, 8, ['gpu'])]
        self.cloud.services = [base.host_service('host-1', '2026-11-01')]
        operations.Operations(self.registry)
        text = prometheus_client.generate_latest(self.registry).decode()
        self.assertIn('pci_ext_host_devices', text)
        self.promtool('check', 'metrics', text=text)
