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

"""The metrics of attaches and detaches, over oslo.messaging."""

import datetime
import json
import pathlib
import time

import fixtures
from oslo_config import cfg
import oslo_messaging
from oslo_messaging import conffixture
from oslo_utils import timeutils
from oslotest import base
import prometheus_client

import pci_ext
from pci_ext.conf import exporter as exporter_conf
from pci_ext.exporter import operations

SAMPLES = (
    pathlib.Path(pci_ext.__file__)
    .parents[1]
    .joinpath('doc', 'notification_samples')
)


class OperationsTestCase(base.BaseTestCase):
    """Sends the samples of the documentation as nova-compute does."""

    def setUp(self):
        super().setUp()
        nova = self.make_conf('nova')
        # As Nova sets it.
        nova.set_override('control_exchange', 'nova')
        self.notifier = oslo_messaging.Notifier(
            oslo_messaging.get_notification_transport(nova),
            publisher_id='nova-compute:host-1',
            driver='messaging',
            topics=['versioned_notifications'],
        )
        self.clock = self.useFixture(
            fixtures.MockPatchObject(timeutils, 'utcnow')
        ).mock
        self.clock.side_effect = lambda *args, **kwargs: datetime.datetime.now(
            datetime.UTC
        ).replace(tzinfo=None)
        self.registry = prometheus_client.CollectorRegistry()
        conf = self.make_conf('pci_ext')
        exporter_conf.register_opts(conf)
        self.enterContext(
            operations.listening(conf, operations.Operations(self.registry))
        )

    def make_conf(self, project):
        conf = cfg.ConfigOpts()
        conf([], project=project)
        messaging = self.useFixture(conffixture.ConfFixture(conf))
        messaging.transport_url = 'fake:/'
        return conf

    def send(self, action, phase, sent_at=0.0, request_id='req-1'):
        """Send a notification.

        :param sent_at: in seconds after a fixed time
        """
        sample = SAMPLES / f'instance-pci_{action}-{phase}.json'
        content = json.loads(sample.read_text())
        content['payload']['nova_object.data']['request_id'] = request_id
        self.clock.side_effect = lambda *args, **kwargs: (
            datetime.datetime(2026, 11, 28)
            + datetime.timedelta(seconds=sent_at)
        )
        emit = getattr(self.notifier, content['priority'].lower())
        emit({}, content['event_type'], content['payload'])

    def value(self, name, operation, result):
        return self.registry.get_sample_value(
            name, {'operation': operation, 'result': result}
        )

    def wait_for(self, number, operation, result):
        for _ in range(200):
            found = self.value('pci_ext_operations_total', operation, result)
            if found == number:
                return
            time.sleep(0.05)
        self.fail(f'{found} of {number} {operation} {result}')

    def duration(self, operation, result):
        return self.value(
            'pci_ext_operation_duration_seconds_sum', operation, result
        )

    def test_counts_operations_and_their_duration(self):
        self.send('attach', 'start', 0)
        self.send('attach', 'end', 2.5)
        self.send('detach', 'start', 10)
        self.send('detach', 'end', 11)
        self.wait_for(1, 'attach', 'success')
        self.wait_for(1, 'detach', 'success')
        self.assertEqual(2.5, self.duration('attach', 'success'))
        self.assertEqual(1, self.duration('detach', 'success'))

    def test_counts_errors(self):
        self.send('attach', 'start', 0)
        # Errors have a queue of their own, and could come before the start.
        self.send('detach', 'end', 0)
        self.wait_for(1, 'detach', 'success')
        self.send('attach', 'error', 7)
        self.wait_for(1, 'attach', 'error')
        self.assertEqual(7, self.duration('attach', 'error'))
        self.assertEqual(
            0, self.value('pci_ext_operations_total', 'attach', 'success')
        )

    def test_tells_requests_apart(self):
        self.send('attach', 'start', 0, 'req-1')
        self.send('attach', 'start', 1, 'req-2')
        self.send('attach', 'end', 3, 'req-2')
        self.send('attach', 'end', 5, 'req-1')
        self.wait_for(2, 'attach', 'success')
        self.assertEqual(2 + 5, self.duration('attach', 'success'))

    def test_counts_an_end_without_its_start(self):
        self.send('detach', 'error', 0)
        self.send('detach', 'end', 1)
        self.wait_for(1, 'detach', 'error')
        self.wait_for(1, 'detach', 'success')
        self.assertIsNone(self.duration('detach', 'success'))

    def test_ignores_other_notifications(self):
        self.notifier.info({}, 'instance.create.end', {})
        self.send('attach', 'end')
        self.wait_for(1, 'attach', 'success')

    def test_forgets_the_oldest_starts(self):
        self.useFixture(fixtures.MockPatchObject(operations, '_MAX_STARTS', 1))
        self.send('attach', 'start', 0, 'req-1')
        self.send('attach', 'start', 1, 'req-2')
        self.send('attach', 'end', 3, 'req-1')
        self.send('attach', 'end', 4, 'req-2')
        self.wait_for(2, 'attach', 'success')
        self.assertEqual(3, self.duration('attach', 'success'))
