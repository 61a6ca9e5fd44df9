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
from unittest import mock

import fixtures
from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states
from nova.compute import vm_states
from nova.objects import fields

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.compute.operations import attach
from pci_ext.compute.recovery import decision
from pci_ext.compute.recovery import observed_state
from pci_ext.compute.recovery import periodic_tasks
from pci_ext.tests.component.compute import base


class HealerTest(base.HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf.config(
            group='pci_ext', reattach_delay=0, reattach_attempts=1
        )
        self.server = self.create_server(2)
        self.first, self.second = self.devices(self.server)
        self.domains = self.compute.driver._domains

    def in_domain(self) -> list[str]:
        return sorted(self.domains.devices(self.server))

    def heal(self) -> None:
        self.manager.heal(self.server)

    def test_changes_nothing_if_all_devices_are_attached(self) -> None:
        self.heal()
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
        self.heal()
        self.assertEqual([self.second], self.in_domain())

    def owners_after_a_restart(self, is_in_guest: bool) -> set[str]:
        """Claim a device for a request that is lost, and start anew."""
        server = self.create_server(0)
        [device] = self.compute.rt.claim_pci_devices(
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=server, requests=[self.request(1)]
            ),
            None,
        )
        if is_in_guest:
            self.domains.attach(server, device.address)
        self.start()
        self.assertIsNone(self.instance(server).task_state)
        return {
            each.instance_uuid
            for each in self.compute.rt.pci_tracker.pci_devs
            if each.instance_uuid
        } - {self.server}

    def test_device_of_a_lost_request_is_freed(self) -> None:
        self.assertEqual(set(), self.owners_after_a_restart(False))

    def test_new_device_has_no_owner(self) -> None:
        [report, *_] = self.devices_of_hypervisor()
        self.compute.rt.pci_tracker.pci_devs.objects.append(
            objects.PciDevice.create(self.context, report)
        )
        self.assertEqual({self.server}, self.manager._owners())

    def test_device_of_a_lost_request_stays_in_the_guest(self) -> None:
        self.assertEqual(1, len(self.owners_after_a_restart(True)))

    def test_missing_device_that_cannot_be_attached_stays_allocated(
        self,
    ) -> None:
        self.domains._release(self.server, self.first)
        self.inject_faults(busy=[self.first])
        self.heal()
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
        self.heal()
        self.assertIn(free, self.in_domain())
        self.assertEqual(2, len(self.devices_in_use()))
        self.assertIn(
            f'The guest has devices that are not of its server: {free}',
            self.stdlog.logger.output,
        )

    def test_logs_a_device_of_another_server(self) -> None:
        other = self.create_server(1)
        [address] = self.devices(other)
        self.domains.stop(other)
        self.domains.attach(self.server, address)
        self.heal()
        self.assertIn(
            f'The guest has devices that are not of its server: {address}',
            self.stdlog.logger.output,
        )
        self.assertEqual(3, len(self.devices_in_use()))

    def test_ignores_a_server_with_a_task_state(self) -> None:
        self.domains._release(self.server, self.first)
        instance = self.instance(self.server)
        instance.task_state = task_states.SUSPENDING
        instance.save()
        self.heal()
        self.assertEqual([self.second], self.in_domain())

    def test_ignores_a_stopped_server(self) -> None:
        self.domains.stop(self.server)
        self.heal()
        self.assertIsNone(self.domains.devices(self.server))

    def test_releases_of_a_stopped_server_are_freed(self) -> None:
        self.mark_pending(self.server, self.first)
        instance = self.instance(self.server)
        instance.vm_state = vm_states.STOPPED
        instance.save()
        self.domains.stop(self.server)
        self.heal()
        self.assertEqual([self.second], self.devices(self.server))

    def test_killed_between_freeing_and_recording(self) -> None:
        self.mark_pending(self.server, self.first)
        self.domains._release(self.server, self.first)
        instance = self.instance(self.server)
        [device] = [
            each
            for each in self.compute.rt.pci_tracker.pci_devs
            if each.address == self.first
        ]
        self.compute.rt.unclaim_pci_devices(self.context, device, instance)
        self.heal()
        self.assertEqual(set(), self.pending(self.server))

    def release_late(self) -> None:
        """Let the guest release a device whose detach is pending."""
        self.mark_pending(self.server, self.first)
        self.domains._release(self.server, self.first)

    def set_task_state(self, task_state: str) -> None:
        instance = self.instance(self.server)
        instance.task_state = task_state
        instance.save(expected_task_state=[None])

    def test_frees_nothing_once_nova_has_the_server(self) -> None:
        self.release_late()
        decide = decision.decide

        def begin_after(state: observed_state.State) -> Any:
            actions = decide(state)
            if state.task_state is None:
                self.set_task_state(task_states.POWERING_ON)
            return actions

        with mock.patch.object(decision, 'decide', begin_after):
            self.heal()
        instance = self.instance(self.server)
        self.assertEqual(task_states.POWERING_ON, instance.task_state)
        self.assertEqual(2, len(instance.pci_devices))
        self.assertEqual({self.first}, self.pending(self.server))
        self.assertIn(self.server, self.manager._unhealthy)
        instance.task_state = None
        instance.save()
        self.heal()
        self.assertEqual([self.second], self.devices(self.server))
        self.assertConsistent(self.server)

    def test_nova_begins_nothing_while_a_device_is_freed(self) -> None:
        self.release_late()
        detach_pci = self.compute.driver.detach_pci
        refused = []

        def refuse(*args: Any) -> None:
            refused.append(
                self.assertRaises(
                    nova_exception.UnexpectedTaskStateError,
                    self.set_task_state,
                    task_states.POWERING_ON,
                )
            )
            detach_pci(*args)

        self.compute.driver.detach_pci = refuse
        self.heal()
        self.assertEqual(1, len(refused))
        self.assertEqual([self.second], self.devices(self.server))

    def test_server_that_was_resized_since_is_left_alone(self) -> None:
        self.release_late()
        decide = decision.decide

        def resize_after(state: observed_state.State) -> Any:
            actions = decide(state)
            instance = self.instance(self.server)
            instance.vm_state = vm_states.RESIZED
            instance.save()
            return actions

        with mock.patch.object(decision, 'decide', resize_after):
            self.heal()
        instance = self.instance(self.server)
        self.assertIsNone(instance.task_state)
        self.assertEqual(2, len(instance.pci_devices))

    def test_delete_of_a_server_whose_device_is_freed(self) -> None:
        self.release_late()
        sync_requests = instance_devices.sync_requests

        def delete_before(*args: Any) -> None:
            instance = self.instance(self.server)
            instance.task_state = task_states.DELETING
            instance.save()
            sync_requests(*args)

        with mock.patch.object(
            instance_devices, 'sync_requests', delete_before
        ):
            self.heal()
        self.assertEqual(
            task_states.DELETING, self.instance(self.server).task_state
        )

    def test_killed_while_a_device_is_freed(self) -> None:
        self.release_late()
        self.set_task_state(server_state.DETACHING_PCI)
        self.start()
        self.assertEqual([self.second], self.devices(self.server))
        self.assertConsistent(self.server)

    def test_failed_attach_is_not_completed_by_a_restart(self) -> None:
        self.inject_faults(
            release_delay=dict.fromkeys(self.ADDRESSES, 'never'),
            timeout=0.1,
        )
        operation = attach.Attach(
            self.compute,
            self.context,
            self.server,
            self.acquire(self.server, server_state.ATTACHING_PCI),
            [self.request(1)],
        )

        def fail() -> None:
            raise exception.PciAttachFailed(address='', reason='')

        operation._allocate = fail
        self.assertRaises(exception.PciAttachFailed, operation.run)
        operation.forget()
        self.start()
        pending = self.pending(self.server)
        self.assertEqual(1, len(pending))
        self.assertLessEqual(pending, set(self.devices(self.server)))
        self.inject_faults()
        for address in pending:
            self.compute.driver._domains._release(self.server, address)
        self.compute.driver.guest_changed(self.server)
        self.assertEqual([self.first, self.second], self.devices(self.server))

    def test_a_failed_undo_is_tried_again(self) -> None:
        driver = self.compute.driver
        attached_pci = driver.attached_pci

        def no_connection(*args: object) -> None:
            raise OSError('libvirt is away')

        def attach_pci(*args: object) -> None:
            driver.attached_pci = no_connection
            driver.detach_pci = no_connection
            raise OSError('libvirt is away')

        driver.attach_pci = attach_pci
        operation_id = self.acquire(self.server, server_state.ATTACHING_PCI)
        self.endpoint.attach_pci(
            self.context,
            self.instance(self.server),
            operation_id,
            [self.request(2)],
        )
        self.assertEqual(4, len(self.devices_in_use()))
        driver.attached_pci = attached_pci
        del driver.detach_pci
        unhealthy = self.manager._unhealthy
        self.useFixture(
            fixtures.MockPatchObject(unhealthy, 'due', lambda: [self.server])
        )
        periodic_tasks.run(self.compute, self.context, 'heal_pci_servers')
        self.assertConsistent(self.server)
        self.assertEqual(2, len(self.devices(self.server)))
