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

"""When sources are read, and what is served if they cannot be."""

import threading
import time

from keystoneauth1 import exceptions as ks_exceptions
from oslotest import base as oslotest_base
from prometheus_client import core

from pci_ext.exporter import collector
from pci_ext.exporter import sources
from pci_ext.tests.unit.exporter import base


class _Readings:
    """Values of a source: the number of times that it was read."""

    def __init__(self):
        self.number = 0
        self.error = None
        self.gate = threading.Event()
        self.gate.set()
        self.at_once = 0
        self.most_at_once = 0

    def read(self):
        self.number += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.gate.wait(30)
        self.at_once -= 1
        if self.error:
            raise self.error
        return [core.GaugeMetricFamily('readings', '-', self.number)]


class SourcesTestCase(oslotest_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.readings = _Readings()

    def make(self, lifetime, max_wait=60.0):
        source = sources.Source('test', self.readings.read, lifetime)
        return collector.Collector(sources.Sources([source], max_wait))

    @staticmethod
    def scrape(exporter):
        """Return the values of a scrape by name; all have one label."""
        return {
            sample.name: sample.value
            for family in exporter.collect()
            for sample in family.samples
        }

    def test_is_not_read_before_the_first_scrape(self):
        exporter = self.make(60)
        self.assertEqual((), tuple(exporter.describe()))
        self.assertEqual(0, self.readings.number)
        self.assertEqual(1, self.scrape(exporter)['readings'])

    def test_scrapes_within_the_lifetime_get_the_same_values(self):
        exporter = self.make(60)
        self.scrape(exporter)
        self.assertEqual(1, self.scrape(exporter)['readings'])

    def test_is_read_again_after_the_lifetime(self):
        exporter = self.make(0.01)
        self.scrape(exporter)
        time.sleep(0.02)
        self.assertEqual(2, self.scrape(exporter)['readings'])

    def test_keeps_values_when_it_cannot_be_read(self):
        exporter = self.make(0)
        before = self.scrape(exporter)
        self.assertEqual(1, before['pci_ext_up'])
        for error in (
            KeyError('pci_pools'),
            ks_exceptions.ConnectFailure('refused'),
        ):
            self.readings.error = error
            after = self.scrape(exporter)
            self.assertEqual(1, after['readings'])
            self.assertEqual(0, after['pci_ext_up'])
            self.assertEqual(
                before['pci_ext_last_read_timestamp_seconds'],
                after['pci_ext_last_read_timestamp_seconds'],
            )
        self.readings.error = None
        after = self.scrape(exporter)
        self.assertEqual(4, after['readings'])
        self.assertEqual(1, after['pci_ext_up'])

    def test_a_failed_read_is_not_repeated_by_each_scrape(self):
        self.readings.error = ks_exceptions.ConnectFailure('refused')
        exporter = self.make(60)
        self.scrape(exporter)
        self.scrape(exporter)
        self.assertEqual(1, self.readings.number)

    def test_is_read_once_for_scrapes_at_the_same_time(self):
        exporter = self.make(60)
        self.readings.gate.clear()
        found = []
        threads = [
            threading.Thread(
                target=lambda: found.append(self.scrape(exporter)['readings'])
            )
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        self.readings.gate.set()
        for thread in threads:
            thread.join()
        self.assertEqual([1] * 5, found)
        self.assertEqual(1, self.readings.number)

    def test_a_scrape_does_not_wait_for_a_slow_read(self):
        exporter = self.make(0, max_wait=0.05)
        self.scrape(exporter)
        self.readings.gate.clear()
        self.addCleanup(self.readings.gate.set)
        for _ in range(3):
            self.assertEqual(1, self.scrape(exporter)['readings'])
        self.assertEqual(2, self.readings.number)
        self.assertEqual(1, self.readings.most_at_once)
        # The end of the program does not wait for it either.
        [thread] = (
            each for each in threading.enumerate() if each.name == 'read'
        )
        self.assertTrue(thread.daemon)

    def test_has_the_duration_of_the_last_attempt(self):
        values = self.scrape(self.make(0))
        self.assertGreaterEqual(values['pci_ext_read_duration_seconds'], 0)


class FaultsTestCase(base.ExporterTestCase):
    def test_a_source_that_fails_leaves_the_others(self):
        self.cloud.pools = [base.pool('host-1', 'a', 8, 8)]
        self.cloud.faults['os-services'] = 403
        families = self.scrape()
        self.assertEqual(
            {
                ('flavors',): 1,
                ('pools',): 1,
                ('hosts',): 0,
                ('migrations',): 1,
                ('projects',): 1,
            },
            base.values_in(families, 'pci_ext_up', 'source'),
        )
        self.assertEqual(
            8,
            base.values_in(families, 'pci_ext_pool_devices', 'status')[
                'available',
            ],
        )

    def test_values_outlive_the_api(self):
        self.cloud.pools = [base.pool('host-1', 'a', 8, 8)]
        self.scrape()
        self.cloud.stop()
        families = self.scrape()
        self.assertEqual(
            {0},
            set(base.values_in(families, 'pci_ext_up', 'source').values()),
        )
        self.assertEqual(
            8,
            base.values_in(families, 'pci_ext_pool_devices', 'status')[
                'available',
            ],
        )
