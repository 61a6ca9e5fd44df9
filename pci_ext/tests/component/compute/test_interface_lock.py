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

import threading

from nova import exception as nova_exception
from nova import objects
from oslo_concurrency import lockutils
from oslo_utils.fixture import uuidsentinel

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import interface_lock
from pci_ext.requests import instance_requests
from pci_ext.tests.component.compute import base

#: The real class; the base class replaces it.
THREAD = threading.Thread


class InterfacesTest(base.HostTestCase):
    """Port attaches of Nova with a stale copy of the server."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(1)
        self.stale = self.instance(self.server)

    def attach_port(self) -> None:
        self.compute._attach_interface(
            self.context, self.stale, None, uuidsentinel.port, None, None
        )

    def requesters(self) -> list[str | None]:
        return [
            request.requester_id
            for request in instance_requests.list_requests(
                self.instance(self.server)
            )
        ]

    def attach_device(self) -> None:
        operation_id = self.acquire(self.server, server_state.ATTACHING_PCI)
        answer = self.endpoint.attach_pci(
            self.context, self.stale, operation_id, [self.request(1)]
        )
        self.assertIsNone(answer)

    def test_port_and_device_attach_keep_both_requests(self) -> None:
        self.attach_device()
        self.attach_port()
        self.assertEqual(
            [None, server_state.HOT_ATTACHED, uuidsentinel.port],
            self.requesters(),
        )
        self.attach_device()
        self.compute._detach_interface(
            self.context, self.stale, uuidsentinel.port
        )
        self.assertEqual(
            [None, server_state.HOT_ATTACHED, server_state.HOT_ATTACHED],
            self.requesters(),
        )

    def test_port_attach_waits_for_an_operation(self) -> None:
        self.stale = self.instance(self.server)
        attaching = THREAD(target=self.attach_port, daemon=True)
        with lockutils.lock(self.server, lock_file_prefix='nova-'):
            attaching.start()
            attaching.join(0.3)
            self.assertEqual([None], self.requesters())
        attaching.join(30)
        self.assertEqual([None, uuidsentinel.port], self.requesters())

    def test_refuses_a_port_during_a_device_attach(self) -> None:
        self.acquire(self.server, server_state.ATTACHING_PCI)
        error = self.assertRaises(
            nova_exception.InstanceInvalidState, self.attach_port
        )
        self.assertIn('attaching_pci', error.format_message())
        self.assertEqual([None], self.requesters())

    def test_refuses_a_changed_compute_manager(self) -> None:
        self.compute._attach_interface = lambda context, instance: None
        error = self.assertRaises(
            exception.SeamChanged, interface_lock.install, self.compute
        )
        self.assertIn('_attach_interface', error.format_message())

    def claim(self, request: objects.InstancePCIRequest) -> None:
        self.compute.rt.claim_pci_devices(
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=self.server, requests=[request]
            ),
            None,
        )

    def claim_and_fail(
        self,
        context: object,
        instance: objects.Instance,
        network_id: str,
        port_id: str,
        requested_ip: str,
        tag: str,
    ) -> None:
        """Claim a device for a port, as Nova does, and fail after that."""
        request = self.request(1)
        self.claim(request)
        instance.pci_requests.requests.append(request)
        # A periodic scan.
        self.compute.rt.pci_tracker.update_pci_for_instance(
            self.context, instance, 1
        )
        raise nova_exception.PortNotUsable(port_id=port_id, instance='')

    def test_claim_of_a_failed_port_attach_is_freed(self) -> None:
        [own] = self.devices(self.server)
        self.attach_interface = self.claim_and_fail  # type: ignore[method-assign]
        self.start()
        self.assertRaises(nova_exception.PortNotUsable, self.attach_port)
        self.assertEqual([own], self.devices(self.server))
        self.assertConsistent(self.server)

    def test_failed_port_attach_keeps_the_claim_of_a_resize(self) -> None:
        self.attach_interface = self.claim_and_fail  # type: ignore[method-assign]
        self.start()
        resized = self.request(2)
        self.claim(resized)
        self.assertRaises(nova_exception.PortNotUsable, self.attach_port)
        self.assertEqual(
            [resized.request_id] * 2,
            [
                device.request_id
                for device in self.compute.rt.pci_tracker.pci_devs
                if device.status == 'claimed'
            ],
        )
