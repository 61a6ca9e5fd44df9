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

from typing import Any

from nova.tests import fixtures as nova_fixtures
from oslo_versionedobjects import fixture as ovo_fixture
from oslotest import base as test_base

from pci_ext import server_state
from pci_ext.activation import task_states
from pci_ext.compute import action_notifications
from pci_ext.compute.operations import attach
from pci_ext.tests import samples
from pci_ext.tests.component.compute import base
from pci_ext.tests.component.compute.operations import test_faults
from pci_ext.tests.component.compute.operations import test_operations

# A fingerprint changes with the fields of an object, those that it has from
# Nova among them: bump its VERSION and write the samples anew.
FINGERPRINTS = {
    'InstanceActionPciNotification': '1.0-a73147b93b520ff0061865849d3dfa56',
    'InstanceActionPciPayload': '1.0-c0b3fbbd3b8d6a7fcc6849fafd93496e',
    'PciDevicePayload': '1.0-51f783a75e710f4d0cd9d4d6d5d0175e',
    'PciEventType': '1.0-a0e5ef26ce1f45646f77095707164c08',
}


class FingerprintsTestCase(test_base.BaseTestCase):
    def test_no_object_changed_without_a_new_version(self) -> None:
        # The payload has a task state.
        task_states.register()
        checker = ovo_fixture.ObjectVersionChecker(
            {
                name: [getattr(action_notifications, name)]
                for name in FINGERPRINTS
            }
        )
        expected, actual = checker.test_hashes(FINGERPRINTS)
        self.assertEqual(expected, actual)


class NotificationsTestCase(test_operations.OperationsTestCase):
    ADDRESSES = base.HostTestCase.ADDRESSES

    def setUp(self) -> None:
        super().setUp()
        self.flags(notification_format='versioned', group='notifications')
        self.notifier = self.useFixture(
            nova_fixtures.NotificationFixture(self)
        )
        self.server = self.create_server(1)

    def received(self) -> list[dict[str, Any]]:
        """Return and clear the notifications of attach and detach."""
        received = [
            notification
            for notification in self.notifier.versioned_notifications
            if notification['event_type'].startswith('instance.pci_')
        ]
        self.notifier.reset()
        return received

    def summaries(self) -> list[tuple[str, int, list[str]]]:
        """Return the event, count and devices of each notification."""
        summaries = []
        for notification in self.received():
            data = notification['payload']['nova_object.data']
            self.assertEqual(self.server, data['uuid'])
            summaries.append(
                (
                    notification['event_type'].removeprefix('instance.'),
                    sum(
                        request['nova_object.data']['count']
                        for request in data['pci_requests']
                    ),
                    sorted(
                        device['nova_object.data']['address']
                        for device in data['pci_devices']
                    ),
                )
            )
        return summaries

    def test_notifications_match_the_samples(self) -> None:
        own = self.devices(self.server)
        self.attach(self.server, 1)
        start, end = self.received()
        samples.check(self, 'instance-pci_attach-start', start)
        samples.check(self, 'instance-pci_attach-end', end)
        self.inject_faults(busy=self.ADDRESSES)
        self.attach(self.server, 1)
        _, error = self.received()
        samples.check(self, 'instance-pci_attach-error', error)
        self.inject_faults(release_delay={own[0]: 'never'}, timeout=0)
        self.detach(self.server, own[0])
        start, error = self.received()
        samples.check(self, 'instance-pci_detach-start', start)
        samples.check(self, 'instance-pci_detach-error', error)
        self.inject_faults()
        self.detach(self.server, own[0])
        _, end = self.received()
        samples.check(self, 'instance-pci_detach-end', end)

    def test_attach_sends_start_and_end(self) -> None:
        (own,) = self.devices(self.server)
        self.attach(self.server, 2)
        both = [each for each in self.devices(self.server) if each != own]
        self.assertEqual(
            [('pci_attach.start', 2, []), ('pci_attach.end', 2, both)],
            self.summaries(),
        )

    def test_notification_has_the_current_task_state(self) -> None:
        self.attach(self.server, 1)
        self.assertEqual(
            [server_state.ATTACHING_PCI, None],
            [
                each['payload']['nova_object.data']['task_state']
                for each in self.received()
            ],
        )

    def test_failed_attach_sends_an_error(self) -> None:
        self.inject_faults(busy=self.ADDRESSES)
        self.attach(self.server, 1)
        start, error = self.received()
        self.assertEqual('INFO', start['priority'])
        self.assertEqual('ERROR', error['priority'])
        self.assertEqual('instance.pci_attach.error', error['event_type'])
        data = error['payload']['nova_object.data']
        fault = data['fault']['nova_object.data']
        self.assertEqual('PciAttachFailed', fault['exception'])
        self.assertEqual([], data['pci_devices'])

    def test_failed_claim_sends_an_error(self) -> None:
        self.attach(self.server, 4)
        self.assertEqual(
            [('pci_attach.start', 4, []), ('pci_attach.error', 4, [])],
            self.summaries(),
        )

    def test_refused_operation_is_not_announced(self) -> None:
        self.inject_faults(root_ports=1)
        self.attach(self.server, 1)
        self.detach(self.server, 'ffff:00:00.0')
        self.assertEqual([], self.received())

    def test_detach_sends_start_and_end(self) -> None:
        devices = self.devices(self.server)
        self.detach(self.server, *devices)
        self.assertEqual([], self.devices(self.server))
        self.assertEqual(
            [('pci_detach.start', 1, devices), ('pci_detach.end', 1, devices)],
            self.summaries(),
        )

    def test_late_detach_sends_an_end(self) -> None:
        (own,) = self.devices(self.server)
        self.inject_faults(release_delay={own: 'never'}, timeout=0)
        self.detach(self.server, own)
        self.assertEqual(
            [
                ('pci_detach.start', 1, [own]),
                ('pci_detach.error', 1, [own]),
            ],
            self.summaries(),
        )
        self.compute.driver._domains._release(self.server, own)
        self.compute.driver.guest_changed(self.server)
        self.assertEqual([('pci_detach.end', 1, [own])], self.summaries())

    def interrupt(self, step: str) -> None:
        """Kill nova-compute before a step of an attach of two devices."""
        task = attach.Attach(
            self.compute,
            self.context,
            self.server,
            self.acquire(self.server, server_state.ATTACHING_PCI),
            [self.request(2)],
        )
        with test_faults.Fault(step, test_faults.KILLED, after=False):
            self.assertRaises(test_faults.Killed, task.run)
        self.start()

    def test_restart_sends_the_end_of_a_completed_attach(self) -> None:
        (own,) = self.devices(self.server)
        self.interrupt('allocate')
        both = [each for each in self.devices(self.server) if each != own]
        self.assertEqual(
            [('pci_attach.start', 2, []), ('pci_attach.end', 2, both)],
            self.summaries(),
        )

    def test_restart_sends_the_error_of_an_undone_attach(self) -> None:
        self.interrupt('attach')
        _, error = self.received()
        self.assertEqual('instance.pci_attach.error', error['event_type'])
        data = error['payload']['nova_object.data']
        self.assertIn(
            'restarted',
            data['fault']['nova_object.data']['exception_message'],
        )

    def test_restart_sends_nothing_without_a_claim(self) -> None:
        self.interrupt('record')
        self.assertEqual([('pci_attach.start', 2, [])], self.summaries())

    def test_failed_notification_does_not_fail_the_attach(self) -> None:
        self.stub_out(
            'pci_ext.compute.action_notifications.notify',
            lambda *args: 1 / 0,
        )
        self.assertIsNone(self.attach(self.server, 1))
        self.assertEqual(2, len(self.devices(self.server)))

    def test_unversioned_format_sends_no_notification(self) -> None:
        self.flags(notification_format='unversioned', group='notifications')
        self.attach(self.server, 1)
        self.assertEqual([], self.received())
