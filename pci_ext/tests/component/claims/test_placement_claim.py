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

import fixtures
from keystoneauth1 import exceptions as keystone_exceptions
from nova import exception as nova_exception
from nova import objects
from oslo_utils import uuidutils

from pci_ext.claims import placement_claim
from pci_ext.requests import call_arguments
from pci_ext.tests.component.claims import test_placement_writer
from pci_ext.tests.component.compute import base


class PlacementClaimTest(test_placement_writer.AllocationsTestCase):
    def claim(
        self,
        server: str,
        count: int,
        request: objects.InstancePCIRequest | None = None,
    ) -> list[str]:
        """Claim devices for a server as an attach does."""
        devices = self.rt.claim_pci_devices(
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=server, requests=[request or self.request(count)]
            ),
            None,
        )
        return sorted(device.address for device in devices)

    def alias(self, count: int) -> objects.InstancePCIRequest:
        return objects.InstancePCIRequest(
            count=count,
            spec=[dict(base.GPU)],
            alias_name='alias',
            request_id=uuidutils.generate_uuid(),
        )

    def unclaim(self, server: str) -> None:
        self.rt.free_pci_device_claims_for_instance(
            self.context, self.instance(server)
        )

    def test_a_claim_allocates_its_devices(self) -> None:
        server = self.create_server(0)
        claimed = self.claim(server, 2)
        self.assertEqual(claimed, self.reported(server))
        self.update()
        self.assertEqual(claimed, self.reported(server))

    def test_leaves_the_devices_of_other_servers(self) -> None:
        for address in self.ADDRESSES:
            other = self.allocate_by_alias(
                address, host=None, vm_state='building'
            )
            server = self.create_server(0)
            self.assertRaises(
                nova_exception.PciDeviceRequestFailed, self.claim, server, 4
            )
            self.assertEqual([], self.reported(server))
            self.assertEqual(
                sorted({*self.ADDRESSES} - {address}), self.claim(server, 3)
            )
            self.assertEqual(3, len(self.reported(server)))
            self.assertEqual([address], self.reported(other))
            self.put(other, {self.node.uuid: {'VCPU': 1}})
            self.unclaim(server)
            self.update()
            self.assertEqual([], self.reported(server))

    def test_takes_a_device_that_was_freed(self) -> None:
        """Its allocation is still to be removed."""
        first = self.create_server(4)
        self.update()
        self.free(first)
        second = self.create_server(0)
        self.assertEqual([*self.ADDRESSES], self.claim(second, 4))
        self.assertEqual([*self.ADDRESSES], self.reported(second))
        self.assertEqual([], self.reported(first))

    def test_takes_its_own_device_that_was_freed(self) -> None:
        server = self.create_server(0)
        self.assertEqual([*self.ADDRESSES], self.claim(server, 4))
        self.unclaim(server)
        self.assertEqual([*self.ADDRESSES], self.claim(server, 4))
        self.assertEqual([*self.ADDRESSES], self.reported(server))

    def test_an_attach_by_alias(self) -> None:
        for address in self.ADDRESSES:
            other = self.allocate_by_alias(
                address, host=None, vm_state='building'
            )
            server = self.create_server(0)
            self.assertRaises(
                nova_exception.PciDeviceRequestFailed,
                *(self.claim, server, 4, self.alias(4)),
            )
            claimed = self.claim(server, 3, self.alias(3))
            self.assertEqual(sorted({*self.ADDRESSES} - {address}), claimed)
            self.assertEqual(claimed, self.reported(server))
            self.put(other, {self.node.uuid: {'VCPU': 1}})
            self.unclaim(server)
            self.update()

    def test_placement_fails_after_a_refusal(self) -> None:
        self.allocate_by_alias(
            self.ADDRESSES[0], host=None, vm_state='building'
        )
        self.useFixture(
            fixtures.MockPatchObject(
                self.client,
                'get_allocations_for_provider_tree',
                side_effect=keystone_exceptions.ConnectFailure,
            )
        )
        server = self.create_server(0)
        self.assertEqual([self.ADDRESSES[1]], self.claim(server, 1))

    def test_a_refusal_is_one_that_nova_expects(self) -> None:
        self.allocate_by_alias(
            self.ADDRESSES[0], host=None, vm_state='building'
        )
        server = self.instance(self.create_server(0))
        server.host = server.node = server.compute_id = None
        server.pci_requests.requests = [self.request(4)]
        server.save()
        self.assertRaises(
            nova_exception.ComputeResourcesUnavailable,
            *(self.rt.instance_claim, self.context.elevated(), server),
            *(base.HOST, {}),
        )

    def test_leaves_a_reserved_device(self) -> None:
        provider = self.provider(self.ADDRESSES[0])
        response = self.placement.api.put(
            f'/resource_providers/{provider}/inventories',
            {
                'resource_provider_generation': self.placement.api.get(
                    f'/resource_providers/{provider}'
                ).body['generation'],
                'inventories': {
                    'CUSTOM_PCI_8086_0001': {'total': 1, 'reserved': 1}
                },
            },
            version='1.26',
        )
        self.assertEqual(200, response.status, response.body)
        server = self.create_server(0)
        self.assertEqual([*self.ADDRESSES[1:]], self.claim(server, 3))

    def test_a_move_by_alias(self) -> None:
        """Nova makes the requests anew, without their providers."""
        for address in self.ADDRESSES:
            server = self.allocate_by_alias(address, task_state='resize_prep')
            allocations = self.client.get_allocs_for_consumer(
                self.context, server
            )['allocations']
            requests = [self.request(1), self.alias(1)]
            for each in requests[1:], requests:
                with call_arguments.passing(
                    placement_claim=placement_claim.PlacementClaim(
                        self.rt, self.context, server, allocations
                    )
                ):
                    claimed = self.rt.pci_tracker.claim_instance(
                        self.context,
                        objects.InstancePCIRequests(
                            instance_uuid=server, requests=each
                        ),
                        None,
                    )
                self.assertEqual(len(each), len(claimed))
                self.assertEqual(
                    [address],
                    [
                        device.address
                        for device in claimed
                        if device.request_id == requests[1].request_id
                    ],
                )
                self.unclaim(server)
            self.put(server, {self.node.uuid: {'VCPU': 1}})
