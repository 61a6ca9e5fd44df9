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

"""Devices of ports that were deleted in Neutron."""

from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states
from nova.compute import vm_states
from oslo_utils.fixture import uuidsentinel

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import deleted_ports
from pci_ext.compute import rpcapi
from pci_ext.requests import instance_requests
from pci_ext.tests.component.compute import base


class DeletedPortsTest(base.HostTestCase):
    """A server with one device of its flavor, and one of a port."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(1)
        [self.of_flavor] = self.devices(self.server)
        request = self.request(1)
        request.alias_name = None
        request.requester_id = uuidsentinel.port
        instance = self.instance(self.server)
        instance.pci_requests.requests.append(request)
        instance.save()
        spec = objects.RequestSpec.get_by_instance_uuid(
            self.context, self.server
        )
        spec.pci_requests.requests.append(request)
        spec.save()
        [self.device] = self.compute.rt.claim_pci_devices(
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=self.server, requests=[request]
            ),
            None,
        )
        self.compute.rt.allocate_pci_devices_for_instance(
            self.context, instance
        )

    def plug(self) -> None:
        """Plug the interface of the port, which libvirt lists apart."""
        driver = self.compute.driver
        driver.all_attached_pci = lambda instance: frozenset(
            {self.of_flavor, self.device.address}
        )

    def receive_event(self) -> None:
        self.compute._process_instance_vif_deleted_event(
            self.context, self.instance(self.server), uuidsentinel.port
        )

    def detach(self) -> dict[str, str] | None:
        operation_id = self.acquire(self.server, server_state.DETACHING_PCI)
        answer: dict[str, str] | None = self.endpoint.detach_pci(
            self.context,
            self.instance(self.server),
            operation_id,
            [self.device.dev_id],
        )
        return answer

    def assertFreed(self) -> None:
        self.assertEqual([self.of_flavor], self.devices(self.server))
        self.assertConsistent(self.server)

    def assertAllocated(self) -> None:
        self.assertEqual(2, len(self.instance(self.server).pci_devices))
        self.assertIn(
            uuidsentinel.port,
            [
                request.requester_id
                for request in instance_requests.list_requests(
                    self.instance(self.server)
                )
            ],
        )

    def test_event_frees_the_device(self) -> None:
        self.deleted_ports = {uuidsentinel.port}
        self.receive_event()
        self.assertFreed()

    def test_start_of_nova_compute_frees_the_device(self) -> None:
        self.deleted_ports = {uuidsentinel.port}
        self.start()
        self.assertFreed()

    def test_device_of_a_port_that_exists_stays_allocated(self) -> None:
        self.receive_event()
        self.assertAllocated()

    def test_device_stays_allocated_while_neutron_is_away(self) -> None:
        def show_port(context: object, port_id: str) -> None:
            raise nova_exception.NovaException('no connection')

        self.compute.network_api.show_port = show_port
        self.receive_event()
        self.assertAllocated()

    def test_device_stays_allocated_while_the_guest_has_it(self) -> None:
        self.deleted_ports = {uuidsentinel.port}
        self.plug()
        self.receive_event()
        self.assertAllocated()
        del self.compute.driver.all_attached_pci
        self.manager.heal(self.server)
        self.assertFreed()

    def test_device_stays_allocated_during_a_rescue(self) -> None:
        """Nova starts the domain of before the rescue, with the interface."""
        self.deleted_ports = {uuidsentinel.port}
        instance = self.instance(self.server)
        instance.vm_state = vm_states.RESCUED
        instance.save()
        self.receive_event()
        self.assertAllocated()
        instance.vm_state = vm_states.ACTIVE
        instance.save()
        self.manager.heal(self.server)
        self.assertFreed()

    def test_device_stays_allocated_during_a_task_of_nova(self) -> None:
        self.deleted_ports = {uuidsentinel.port}
        instance = self.instance(self.server)
        instance.task_state = task_states.MIGRATING
        instance.save()
        self.receive_event()
        self.assertAllocated()

    def test_detaches_the_device(self) -> None:
        self.deleted_ports = {uuidsentinel.port}
        self.assertIsNone(self.detach())
        self.assertFreed()

    def test_detach_of_another_device_asks_nothing_of_neutron(self) -> None:
        asked = []

        def show_port(context: object, port_id: str) -> dict[str, object]:
            asked.append(port_id)
            return {}

        self.compute.network_api.show_port = show_port
        self.device = next(
            device
            for device in self.instance(self.server).pci_devices
            if device.address == self.of_flavor
        )
        self.assertIsNone(self.detach())
        self.assertEqual([], asked)

    def test_detaches_a_device_without_a_request(self) -> None:
        instance = self.instance(self.server)
        instance.pci_requests.requests = []
        instance.save()
        self.assertIsNone(self.detach())
        self.assertEqual([self.of_flavor], self.devices(self.server))

    def test_refuses_to_detach_an_interface_of_the_guest(self) -> None:
        self.deleted_ports = {uuidsentinel.port}
        self.plug()
        error = self.assertRaises(
            exception.PciActionRefused, rpcapi.unpack, self.detach()
        )
        self.assertIn('--hard', error.format_message())
        self.assertAllocated()

    def test_refuses_a_manager_of_another_shape(self) -> None:
        self.compute._process_instance_vif_deleted_event = lambda event: None
        self.assertRaises(
            exception.SeamChanged,
            deleted_ports.install,
            self.compute,
            self.manager.guest_changed,
        )
