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

import copy

from nova import objects
from nova.pci import request as pci_request
from oslo_utils.fixture import uuidsentinel
from oslotest import base

from pci_ext import server_state
from pci_ext.objects import pci_flavor
from pci_ext.requests import from_flavor
from pci_ext.requests import instance_requests
from pci_ext.requests import moves
from pci_ext.tests import fixtures

SERVER = uuidsentinel.server


class MovesTest(base.BaseTestCase):
    """A server whose flavor requests 2:gpu;1:gpu;1:qat."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.flavor = self.create_flavor(1, '2:gpu;1:gpu;1:qat')
        self.instance = objects.Instance(
            uuid=SERVER,
            flavor=self.flavor,
            image_ref=uuidsentinel.image,
            system_metadata={},
            pci_requests=objects.InstancePCIRequests(
                instance_uuid=SERVER, requests=self.requests_of(self.flavor)
            ),
        )

    def create_flavor(
        self, number: int, value: str, **extra_specs: str
    ) -> objects.Flavor:
        flavor = objects.Flavor(
            id=number,
            extra_specs={from_flavor.PCI_FLAVOR: value, **extra_specs},
        )
        with from_flavor.resolving(
            lambda names: [
                pci_flavor.PciFlavor(
                    uuid=getattr(uuidsentinel, name),
                    name=name,
                    specs={'vendor_id': '8086'},
                )
                for name in names
            ]
        ):
            self.requests_of(flavor)
        return flavor

    def requests_of(
        self, flavor: objects.Flavor
    ) -> instance_requests.InstanceRequests:
        found = pci_request.get_pci_requests_from_flavor(flavor)
        return list(found.requests)

    def add(
        self, name: str | None, requester_id: str | None
    ) -> objects.InstancePCIRequest:
        added = objects.InstancePCIRequest(
            count=1,
            spec=[{'vendor_id': '8086'}],
            alias_name=name,
            request_id=getattr(uuidsentinel, f'{name}-{requester_id}'),
            requester_id=requester_id,
        )
        self.instance.pci_requests.requests.append(added)
        return added

    def moving(
        self, flavor: objects.Flavor, is_running: bool = False
    ) -> list[tuple[int, str | None, str | None]]:
        with moves.moving(self.instance, is_running):
            found = self.requests_of(flavor)
        return [
            (each.count, each.alias_name, each.requester_id) for each in found
        ]

    def test_requests_the_devices_of_the_flavor(self) -> None:
        expected = [(2, 'gpu', None), (1, 'gpu', None), (1, 'qat', None)]
        self.assertEqual(expected, self.moving(self.flavor))
        self.assertEqual(
            [(1, 'nic', None)], self.moving(self.create_flavor(2, '1:nic'))
        )

    def test_leaves_the_choice_of_placement_behind(self) -> None:
        added = self.add('nvme', server_state.HOT_ATTACHED)
        added.spec = [{'vendor_id': '8086', 'rp_uuids': 'old'}]
        with moves.moving(self.instance, False):
            *_, found = self.requests_of(self.flavor)
        self.assertEqual('nvme', found.alias_name)
        self.assertEqual([{'vendor_id': '8086'}], found.spec)
        self.assertIn('rp_uuids', added.spec[0])

    def test_flavor_that_was_never_resolved(self) -> None:
        """As by a nova-api without pci_ext, during an upgrade."""
        for flavor in (self.flavor, self.create_flavor(2, '1:nic')):
            del flavor.extra_specs[server_state.RESOLVED]
        self.instance.pci_requests.requests = []
        self.assertEqual([], self.moving(self.flavor))
        self.assertEqual([], self.moving(self.flavor, is_running=True))
        self.add('nvme', server_state.HOT_ATTACHED)
        self.assertEqual(
            [(1, 'nvme', server_state.HOT_ATTACHED)], self.moving(self.flavor)
        )
        self.assertRaises(from_flavor.InvalidPciRequest, self.moving, flavor)

    def test_hot_attached_requests_remain_with_any_flavor(self) -> None:
        hot = self.add('nvme', server_state.HOT_ATTACHED)
        self.assertEqual(
            (1, 'nvme', server_state.HOT_ATTACHED),
            self.moving(self.flavor)[-1],
        )
        other = self.create_flavor(2, '1:nic')
        self.assertEqual(
            [(1, 'nic', None), (1, 'nvme', server_state.HOT_ATTACHED)],
            self.moving(other),
        )
        # The devices on the source host keep the old request id.
        with moves.moving(self.instance):
            found = self.requests_of(other)[-1]
        self.assertNotEqual(hot.request_id, found.request_id)
        self.assertEqual(hot.spec, found.spec)

    def test_adds_hot_attached_requests_only_during_a_move(self) -> None:
        self.add('nvme', server_state.HOT_ATTACHED)
        self.moving(self.flavor)
        self.assertEqual(3, len(self.requests_of(self.flavor)))

    def test_detached_requests_return_only_with_a_new_flavor(self) -> None:
        del self.instance.pci_requests.requests[0]
        self.assertEqual(
            [(1, 'gpu', None), (1, 'qat', None)], self.moving(self.flavor)
        )
        self.instance.pci_requests.requests.pop()
        self.assertEqual([(1, 'gpu', None)], self.moving(self.flavor))
        self.assertEqual(
            [(3, 'gpu', None)], self.moving(self.create_flavor(2, '3:gpu'))
        )

    def test_pci_flavor_and_pci_name_with_the_same_name(self) -> None:
        flavor = self.create_flavor(
            2, '2:10GE', **{from_flavor.PCI_NAME: '10GE'}
        )
        owned = self.requests_of(flavor)
        self.instance.flavor = flavor
        self.instance.pci_requests.requests = owned
        owned[0].count = 1
        with moves.moving(self.instance):
            found = self.requests_of(flavor)
        self.assertEqual(
            [(1, owned[0].spec), (1, owned[1].spec)],
            [(each.count, each.spec) for each in found],
        )

    def test_uses_the_numa_policy_of_flavor_or_image(self) -> None:
        key = 'hw:pci_numa_affinity_policy'
        flavor = self.create_flavor(2, '1:gpu', **{key: 'required'})
        with moves.moving(self.instance):
            [request] = self.requests_of(flavor)
            self.assertEqual('required', request.numa_policy)
            self.instance.system_metadata = {
                'image_hw_pci_numa_affinity_policy': 'socket'
            }
            [request] = self.requests_of(self.create_flavor(3, '1:gpu'))
            self.assertEqual('socket', request.numa_policy)

    def test_leaves_out_ports_and_interrupted_attaches(self) -> None:
        self.add(None, uuidsentinel.port)
        self.add('nvme', 'pci_ext:attaching:req-1')
        self.assertEqual(3, len(self.moving(self.flavor)))

    def test_a_running_server_keeps_its_request_objects(self) -> None:
        hot = self.add('nvme', server_state.HOT_ATTACHED)
        port = self.add(None, uuidsentinel.port)
        with moves.moving(self.instance, is_running=True):
            found = self.requests_of(self.flavor)
        self.assertEqual(4, len(found))
        self.assertIs(hot, found[-1])
        self.assertNotIn(port, found)

    def test_syncs_the_request_spec_with_the_server(self) -> None:
        spec = objects.RequestSpec(pci_requests=None)
        moves.sync_request_spec(spec, self.instance)
        self.assertEqual(3, len(spec.pci_requests.requests))
        port = copy.deepcopy(self.add(None, uuidsentinel.port))
        spec.pci_requests.requests = [port]
        # Nova changes the requests of a server on its host in this way.
        self.instance.pci_requests.requests[-1].spec[0]['parent_ifname'] = 'a'
        self.add('nvme', server_state.HOT_ATTACHED)
        self.add('nvme', 'pci_ext:attaching:req-1')
        moves.sync_request_spec(spec, self.instance)
        self.assertEqual(
            [None, None, None, server_state.HOT_ATTACHED, uuidsentinel.port],
            [each.requester_id for each in spec.pci_requests.requests],
        )
        self.assertEqual([{'vendor_id': '8086'}], port.spec)
        self.instance.pci_requests.requests = [
            each
            for each in self.instance.pci_requests.requests
            if each.requester_id != uuidsentinel.port
        ]
        moves.sync_request_spec(spec, self.instance)
        self.assertNotIn(
            uuidsentinel.port,
            [each.requester_id for each in spec.pci_requests.requests],
        )
