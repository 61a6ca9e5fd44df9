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

"""Attach and detach through the endpoint, with faults of guests."""

from typing import Any
from unittest import mock

from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import endpoint
from pci_ext.compute import instance_devices
from pci_ext.compute import rpcapi
from pci_ext.compute.operations import detach
from pci_ext.compute.operations import server_task
from pci_ext.matching import addresses
from pci_ext.matching import assignment
from pci_ext.requests import instance_requests
from pci_ext.requests import moves
from pci_ext.tests.component.compute import base


class OperationsTestCase(base.HostTestCase):
    def attach(self, server: str, count: int) -> endpoint.Answer:
        operation_id = self.acquire(server, server_state.ATTACHING_PCI)
        return self.endpoint.attach_pci(
            self.context,
            self.instance(server),
            operation_id,
            [self.request(count)],
        )

    def detach(self, server: str, *addresses: str) -> endpoint.Answer:
        operation_id = self.acquire(server, server_state.DETACHING_PCI)
        return self.endpoint.detach_pci(
            self.context,
            self.instance(server),
            operation_id,
            [
                'pci_' + address.replace(':', '_').replace('.', '_')
                for address in addresses
            ],
        )

    def record_attempts(self) -> list[str]:
        """Record the addresses of the devices that are attached from now."""
        tried = []
        domains = self.compute.driver._domains
        original = domains.attach

        def attach(uuid: str, address: str) -> None:
            tried.append(address)
            original(uuid, address)

        domains.attach = attach
        return tried

    def event(self, server: str) -> objects.InstanceActionEvent:
        """Return the event of the last operation."""
        action = objects.InstanceAction.get_by_request_id(
            self.context, server, self.context.request_id
        )
        [event] = objects.InstanceActionEventList.get_by_action(
            self.context, action.id
        )
        return event

    def assertFailed(self, server: str, text: str) -> None:
        event = self.event(server)
        self.assertEqual('Error', event.result)
        self.assertIn(text, event.details)


class AttachTestCase(OperationsTestCase):
    def test_attaches_devices(self) -> None:
        server = self.create_server(1)
        self.assertIsNone(self.attach(server, 2))
        self.assertEqual(3, len(self.devices(server)))
        self.assertConsistent(server)
        self.assertEqual('Success', self.event(server).result)

    def test_marks_the_request_as_hot_attached(self) -> None:
        server = self.create_server(1)
        self.attach(server, 1)
        self.assertEqual(
            [None, server_state.HOT_ATTACHED],
            [
                request.requester_id
                for request in instance_requests.list_requests(
                    self.instance(server)
                )
            ],
        )

    def test_tells_that_the_search_for_devices_was_given_up(self) -> None:
        server = self.create_server(1)
        self.stub_out(
            f'{assignment.__name__}.assign',
            mock.Mock(side_effect=exception.AssignmentGivenUp),
        )
        answer = self.attach(server, 1)
        self.assertRaises(exception.PciActionRefused, rpcapi.unpack, answer)
        self.assertFailed(server, 'The search for PCI devices was given up')
        self.assertConsistent(server)

    def test_refuses_more_devices_than_are_free(self) -> None:
        server = self.create_server(2)
        answer = self.attach(server, 3)
        error = self.assertRaises(
            exception.PciActionRefused, rpcapi.unpack, answer
        )
        self.assertIn('3:gpu', error.format_message())
        self.assertEqual(2, len(self.devices(server)))
        self.assertConsistent(server)
        self.assertFailed(server, '3:gpu')

    def test_refused_while_nova_compute_is_being_stopped(self) -> None:
        server = self.create_server(1)
        self.manager.workers.shutdown.begin()
        error = self.assertRaises(
            exception.PciActionRefused, rpcapi.unpack, self.attach(server, 2)
        )
        self.assertIn('stopped', error.format_message())
        self.assertFailed(server, 'stopped')
        self.assertEqual(1, len(self.devices(server)))
        self.assertConsistent(server)

    def delete_during_attach(self, server: str, task_state: str) -> list[str]:
        """Let Nova wait for the lock of a server when its devices are in.

        :returns: the addresses that the guest was asked to release
        """
        driver = self.compute.driver
        attach_pci = driver.attach_pci
        asked: list[str] = []

        def delete_after(*args: Any) -> None:
            attach_pci(*args)
            instance = self.instance(server)
            instance.task_state = task_state
            instance.save()

        driver.attach_pci = delete_after
        driver.detach_pci = lambda context, instance, devices: asked.extend(
            device.address for device in devices
        )
        self.assertIsNone(self.attach(server, 2))
        self.assertFailed(server, task_state)
        del driver.attach_pci, driver.detach_pci
        return asked

    def test_delete_does_not_wait_for_the_guest(self) -> None:
        server = self.create_server(1)
        self.assertEqual(
            [], self.delete_during_attach(server, task_states.DELETING)
        )
        instance = self.instance(server)
        self.assertEqual(task_states.DELETING, instance.task_state)
        self.assertEqual(3, len(instance.pci_devices))
        # As Nova does when it has destroyed the guest.
        self.compute.driver._domains.remove(server)
        self.compute.rt.pci_tracker.free_instance(self.context, instance)
        self.compute.rt.pci_tracker.save(self.context)
        instance.destroy()
        self.manager.heal(server)
        self.assertConsistent()

    def test_failed_delete_is_followed_by_the_undo(self) -> None:
        server = self.create_server(1)
        self.delete_during_attach(server, task_states.SOFT_DELETING)
        self.assertIn(server, self.manager._unhealthy)
        instance = self.instance(server)
        instance.task_state = None
        instance.save()
        self.manager.heal(server)
        self.assertEqual(1, len(self.devices(server)))
        self.assertConsistent(server)

    def test_undo_leaves_the_requests_of_an_evacuation(self) -> None:
        server = self.create_server(1)
        attach_pci = self.compute.driver.attach_pci
        moved = self.request(1)

        def evacuate_after(*args: Any) -> None:
            attach_pci(*args)
            instance = self.instance(server)
            instance.update({'host': 'other', 'task_state': None})
            instance.pci_requests.requests = [moved]
            instance.save()

        self.compute.driver.attach_pci = evacuate_after
        self.attach(server, 1)
        self.assertEqual(
            [moved.request_id],
            [
                request.request_id
                for request in instance_requests.list_requests(
                    self.instance(server)
                )
            ],
        )

    def test_refuses_more_devices_than_root_ports(self) -> None:
        server = self.create_server(1)
        self.inject_faults(root_ports=2)
        error = self.assertRaises(
            exception.PciActionRefused, rpcapi.unpack, self.attach(server, 2)
        )
        self.assertIn('num_pcie_ports', error.format_message())
        self.assertConsistent(server)

    def test_busy_device_undoes_the_attach(self) -> None:
        server = self.create_server(1)
        free = sorted(set(self.ADDRESSES) - set(self.devices(server)))
        self.inject_faults(busy=free[1:2])
        self.assertIsNone(self.attach(server, 3))
        self.assertFailed(server, free[1])
        self.assertEqual(1, len(self.devices(server)))
        self.assertConsistent(server)

    def test_attaches_another_device_in_place_of_a_busy_one(self) -> None:
        server = self.create_server(1)
        before = self.devices(server)
        free = sorted(set(self.ADDRESSES) - set(before))
        for busy in free:
            self.inject_faults(busy=[busy])
            self.attach(server, 2)
            self.assertEqual('Success', self.event(server).result)
            attached = set(self.devices(server)) - set(before)
            self.assertEqual({*free} - {busy}, attached)
            self.assertConsistent(server)
            self.detach(server, *attached)

    def test_tries_each_device_once(self) -> None:
        server = self.create_server(0)
        self.inject_faults(busy=list(self.ADDRESSES))
        tried = self.record_attempts()
        self.attach(server, 1)
        self.assertCountEqual(self.ADDRESSES, tried)
        self.assertFailed(server, 'in use')
        self.assertEqual([], self.devices(server))
        self.assertConsistent(server)

    def test_unresponsive_guest_keeps_devices(self) -> None:
        server = self.create_server(0)
        self.inject_faults(
            busy=[self.ADDRESSES[-1]],
            release_delay=dict.fromkeys(self.ADDRESSES, 'never'),
            timeout=0,
        )
        self.attach(server, 4)
        instance = self.instance(server)
        self.assertIsNone(instance.task_state)
        domain = self.compute.driver.attached_pci(instance)
        self.assertEqual(
            domain, {device.address for device in instance.pci_devices}
        )
        self.assertEqual(domain, self.pending(server))
        [request] = instance_requests.list_requests(instance)
        self.assertEqual(len(domain), request.count)

    def test_refuses_a_server_of_another_operation(self) -> None:
        server = self.create_server(1)
        operation_id = self.acquire(server, server_state.ATTACHING_PCI)
        instance = self.instance(server)
        instance.system_metadata[server_state.OPERATION] = 'another'
        instance.save()
        answer = self.endpoint.attach_pci(
            self.context, instance, operation_id, [self.request(1)]
        )
        self.assertRaises(exception.PciActionRefused, rpcapi.unpack, answer)
        # The other operation still has the server.
        instance = self.instance(server)
        self.assertEqual(server_state.ATTACHING_PCI, instance.task_state)
        self.assertEqual(1, len(instance.pci_devices))

    def test_attach_fails_for_a_deleted_server(self) -> None:
        server = self.create_server(0)
        operation_id = self.acquire(server, server_state.ATTACHING_PCI)
        instance = self.instance(server)
        self.instance(server).destroy()
        self.assertRaises(
            nova_exception.InstanceNotFound,
            self.endpoint.attach_pci,
            self.context,
            instance,
            operation_id,
            [self.request(1)],
        )


class ManyDevicesTestCase(OperationsTestCase):
    ADDRESSES = tuple(f'0000:0{bus}:00.0' for bus in range(1, 8))

    def test_tries_four_devices_at_most_in_place_of_one(self) -> None:
        server = self.create_server(0)
        self.inject_faults(busy=list(self.ADDRESSES))
        tried = self.record_attempts()
        self.attach(server, 1)
        self.assertEqual(4, len(set(tried)))
        self.assertEqual(4, len(tried))
        self.assertEqual([], self.devices(server))
        self.assertConsistent(server)


class DetachTestCase(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(2)
        self.all = self.devices(self.server)

    def test_detaches_one_device_of_a_request(self) -> None:
        self.assertIsNone(self.detach(self.server, self.all[0]))
        self.assertEqual(self.all[1:], self.devices(self.server))
        self.assertConsistent(self.server)

    def test_detaches_all_devices(self) -> None:
        self.assertIsNone(self.detach(self.server, *self.all))
        self.assertEqual([], self.devices(self.server))
        self.assertEqual(
            [], instance_requests.list_requests(self.instance(self.server))
        )
        self.assertConsistent(self.server)

    def test_accepts_a_device_named_twice(self) -> None:
        self.assertIsNone(self.detach(self.server, *self.all[:1] * 2))
        self.assertConsistent(self.server)

    def test_refuses_a_device_of_another_server(self) -> None:
        other = self.create_server(1)
        for unknown in (*self.devices(other), 'ffff:00:00.0'):
            answer = self.detach(self.server, self.all[0], unknown)
            self.assertRaises(
                exception.PciDeviceNotAttached, rpcapi.unpack, answer
            )
            self.assertEqual(self.all, self.devices(self.server))
        self.assertConsistent(self.server, other)

    def test_refuses_a_device_of_a_port(self) -> None:
        instance = self.instance(self.server)
        for request in instance.pci_requests.requests:
            request.alias_name = None
        instance.save()
        answer = self.detach(self.server, self.all[0])
        self.assertRaises(exception.PciDeviceOfPort, rpcapi.unpack, answer)
        self.assertEqual(2, len(self.instance(self.server).pci_devices))

    def test_the_end_of_an_operation_leaves_the_next_one_alone(self) -> None:
        [device, *_] = self.devices(self.server)
        first = detach.Detach(
            self.compute,
            self.context,
            self.server,
            self.acquire(self.server, server_state.DETACHING_PCI),
            [addresses.node_device_name(device)],
        )
        first.run()
        read = server_task.find_instance
        following = []

        def find_instance(*args: Any) -> Any:
            instance = read(*args)
            if not following:
                following.append(
                    self.acquire(self.server, server_state.ATTACHING_PCI)
                )
            return instance

        with mock.patch.object(server_task, 'find_instance', find_instance):
            first.forget()
        instance = self.instance(self.server)
        self.assertEqual(following, [server_state.operation_id(instance)])
        self.assertEqual(server_state.ATTACHING_PCI, instance.task_state)

    def test_unresponsive_guest_has_a_pending_detach(self) -> None:
        self.inject_faults(release_delay={self.all[1]: 'never'}, timeout=0)
        self.assertIsNone(self.detach(self.server, *self.all))
        self.assertFailed(self.server, self.all[1])
        # The first device, which was detached, is attached again.
        self.assertEqual(self.all, self.devices(self.server))
        self.assertConsistent(self.server)
        self.assertEqual({self.all[1]}, self.pending(self.server))

    def test_failed_detach_leaves_an_earlier_one_pending(self) -> None:
        self.inject_faults(
            release_delay=dict.fromkeys(self.all, 'never'), timeout=0
        )
        self.assertIsNone(self.detach(self.server, self.all[1]))
        # It fails at the first device.
        self.assertIsNone(self.detach(self.server, *self.all))
        self.assertFailed(self.server, self.all[0])
        self.assertEqual(set(self.all), self.pending(self.server))
        for address in self.all:
            self.compute.driver._domains._release(self.server, address)
        self.compute.driver.guest_changed(self.server)
        self.assertEqual([], self.devices(self.server))
        self.assertConsistent(self.server)

    def test_resumed_detach_leaves_an_earlier_one_pending(self) -> None:
        self.inject_faults(
            release_delay=dict.fromkeys(self.all, 'never'), timeout=0
        )
        self.assertIsNone(self.detach(self.server, self.all[1]))
        operation_id = self.acquire(self.server, server_state.DETACHING_PCI)
        instance = self.instance(self.server)
        server_state.mark_pending_detach(
            instance, instance.pci_devices, operation_id
        )
        self.start()
        self.assertEqual(set(self.all), self.pending(self.server))

    def test_late_detach_frees_the_device(self) -> None:
        self.test_unresponsive_guest_has_a_pending_detach()
        self.compute.driver._domains._release(self.server, self.all[1])
        self.compute.driver.guest_changed(self.server)
        self.assertEqual(self.all[:1], self.devices(self.server))
        self.assertConsistent(self.server)
        self.assertEqual(set(), self.pending(self.server))

    def test_suspend_is_not_a_late_detach(self) -> None:
        self.test_unresponsive_guest_has_a_pending_detach()
        instance = self.instance(self.server)
        instance.task_state = task_states.SUSPENDING
        instance.save()
        self.compute.driver._domains._release(self.server, self.all[1])
        self.compute.driver.guest_changed(self.server)
        self.assertEqual(2, len(self.instance(self.server).pci_devices))

    def test_new_start_of_the_guest_releases_the_device(self) -> None:
        self.test_unresponsive_guest_has_a_pending_detach()
        self.compute.driver._domains.stop(self.server)
        self.compute.driver._start_domain(self.instance(self.server))
        self.assertEqual(
            set(self.all[:1]),
            self.compute.driver._domains.devices(self.server),
        )
        self.compute.driver.guest_restarted(self.server)
        self.assertEqual(self.all[:1], self.devices(self.server))
        self.assertConsistent(self.server)
        self.assertEqual(set(), self.pending(self.server))

    def test_new_start_of_the_guest_forgets_an_operation(self) -> None:
        """Nova may have saved its id anew, after it was removed."""
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = 'req-1'
        instance.system_metadata[server_state.COMPLETED] = 'req-1'
        instance.save()
        self.compute.driver._start_domain(self.instance(self.server))
        self.compute.driver.guest_restarted(self.server)
        metadata = self.instance(self.server).system_metadata
        self.assertNotIn(server_state.OPERATION, metadata)
        self.assertNotIn(server_state.COMPLETED, metadata)

    def test_start_of_a_guest_that_waits_for_nothing_heals_nothing(
        self,
    ) -> None:
        self.compute.driver._domains._release(self.server, self.all[0])
        self.compute.driver.guest_restarted(self.server)
        self.assertEqual(
            set(self.all[1:]),
            self.compute.driver._domains.devices(self.server),
        )

    def test_unshelved_server_has_no_pending_detach(self) -> None:
        self.test_unresponsive_guest_has_a_pending_detach()
        instance = self.instance(self.server)
        moves.drop_unfinished(instance)
        self.assertEqual(set(), self.pending(self.server))
        [request] = self.instance(self.server).pci_requests.requests
        self.assertEqual(1, request.count)

    def test_unshelved_server_has_no_request_of_an_unfinished_attach(
        self,
    ) -> None:
        instance = self.instance(self.server)
        [request] = instance.pci_requests.requests
        unfinished = self.request(1)
        instance_devices.mark_attaching([unfinished], 'req-1')
        instance_devices.save_requests(instance, [request, unfinished])
        moves.drop_unfinished(instance)
        instance.save()
        self.assertEqual(
            [request.request_id],
            [
                each.request_id
                for each in instance_requests.list_requests(
                    self.instance(self.server)
                )
            ],
        )

    def test_mark_of_another_host_does_not_apply(self) -> None:
        instance = self.instance(self.server)
        device = instance.pci_devices[0].obj_clone()
        device.compute_node_id += 1
        server_state.mark_pending_detach(instance, [device], 'req-1')
        self.compute.driver._domains.stop(self.server)
        self.compute.driver._start_domain(instance)
        self.assertEqual(
            set(self.all), self.compute.driver._domains.devices(self.server)
        )
        self.compute.driver._domains._release(self.server, device.address)
        self.compute.driver.guest_changed(self.server)
        self.assertEqual(set(), self.pending(self.server))
        self.assertEqual(2, len(self.instance(self.server).pci_devices))

    def test_restart_frees_a_device_after_a_late_detach(self) -> None:
        self.test_unresponsive_guest_has_a_pending_detach()
        self.compute.driver._domains._release(self.server, self.all[1])
        self.start()
        self.assertEqual(self.all[:1], self.devices(self.server))
        self.assertConsistent(self.server)

    def test_removal_without_a_pending_detach_frees_nothing(self) -> None:
        self.compute.driver._domains._release(self.server, self.all[0])
        self.compute.driver.guest_changed(self.server)
        self.assertEqual(2, len(self.instance(self.server).pci_devices))

    def test_stopped_server_is_not_a_late_detach(self) -> None:
        self.test_unresponsive_guest_has_a_pending_detach()
        self.compute.driver._domains.stop(self.server)
        self.start()
        self.assertEqual(self.all, self.devices(self.server))
