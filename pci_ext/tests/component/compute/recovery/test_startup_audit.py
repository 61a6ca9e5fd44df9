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

from nova import objects
from nova.compute import task_states
from nova.objects import fields

from pci_ext.compute.recovery import startup_audit
from pci_ext.tests.component.compute import base


class AuditTest(base.HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(2)
        self.first, self.second = self.devices(self.server)
        self.domains = self.compute.driver._domains

    def in_domain(self) -> list[str]:
        return sorted(self.domains.devices(self.server))

    def audit(self) -> None:
        startup_audit.audit(self.compute, self.context, self.server)

    def test_changes_nothing_if_all_devices_are_attached(self) -> None:
        self.audit()
        self.assertConsistent(self.server)

    def test_missing_device_is_attached_at_start(self) -> None:
        self.domains._release(self.server, self.first)
        self.assertEqual([self.second], self.in_domain())
        self.start()
        self.domains = self.compute.driver._domains
        self.assertEqual([self.first, self.second], self.in_domain())
        self.assertConsistent(self.server)

    def test_does_not_attach_the_device_of_a_port(
        self,
    ) -> None:
        instance = self.instance(self.server)
        [request] = instance.pci_requests.requests
        request.alias_name = None
        instance.save()
        self.domains._release(self.server, self.first)
        self.audit()
        self.assertEqual([self.second], self.in_domain())

    def test_missing_device_that_cannot_be_attached_stays_allocated(
        self,
    ) -> None:
        self.domains._release(self.server, self.first)
        self.inject_faults(busy=[self.first])
        self.audit()
        self.assertEqual([self.second], self.in_domain())
        self.assertEqual(
            {self.first, self.second},
            {device.address for device in self.devices_in_use()},
        )

    def devices_in_use(self) -> list[objects.PciDevice]:
        return [
            device
            for device in self.compute.rt.pci_tracker.pci_devs
            if device.status != fields.PciDeviceStatus.AVAILABLE
        ]

    def test_unclaimed_device_remains_in_the_guest(self) -> None:
        [free, *_] = set(self.ADDRESSES) - {self.first, self.second}
        self.domains.attach(self.server, free)
        self.audit()
        self.assertIn(free, self.in_domain())
        self.assertEqual(2, len(self.devices_in_use()))
        self.assertIn(
            f'The guest has PCI device {free}, which is available on record '
            'and of no server',
            self.stdlog.logger.output,
        )

    def test_logs_a_device_of_another_server(self) -> None:
        other = self.create_server(1)
        [address] = self.devices(other)
        self.domains.stop(other)
        self.domains.attach(self.server, address)
        self.audit()
        self.assertIn(
            f'{address}, which is allocated on record and of {other}',
            self.stdlog.logger.output,
        )
        self.assertEqual(3, len(self.devices_in_use()))

    def test_ignores_a_server_with_a_task_state(self) -> None:
        self.domains._release(self.server, self.first)
        instance = self.instance(self.server)
        instance.task_state = task_states.SUSPENDING
        instance.save()
        self.audit()
        self.assertEqual([self.second], self.in_domain())

    def test_ignores_a_stopped_server(self) -> None:
        self.domains.stop(self.server)
        self.audit()
        self.assertIsNone(self.domains.devices(self.server))
