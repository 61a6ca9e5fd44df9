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
from oslo_utils.fixture import uuidsentinel as uuids
from oslotest import base

from pci_ext.tests import fixtures
from pci_ext.tests.unit.claims import devices


class RequestGroupsTest(base.BaseTestCase):
    """With PCI in Placement."""

    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(fixtures.Activation()).conf
        self.conf.config(group='filter_scheduler', pci_in_placement=True)

    def groups(self, *requests: objects.InstancePCIRequest) -> list[str]:
        """Return the ids of the groups that Nova asks Placement for."""
        spec = objects.RequestSpec(
            # As nova-conductor leaves it; Nova 34 takes None too.
            requested_resources=[],
            pci_requests=objects.InstancePCIRequests(requests=list(requests)),
        )
        spec.generate_request_groups_from_pci_requests()
        self.assertEqual(list(requests), spec.pci_requests.requests)
        return [group.requester_id for group in spec.requested_resources]

    def test_placement_chooses_devices_by_alias_only(self) -> None:
        alias = devices.alias(2, vendor_id='8086', product_id='0001')
        alias.request_id = uuids.alias
        self.assertEqual(
            [f'{uuids.alias}-0', f'{uuids.alias}-1'],
            self.groups(
                devices.request(1, {'product_id': '000a'}, {'e.group': 'gpu'}),
                alias,
                devices.request(1, {'vendor_id': '8086'}),
            ),
        )

    def test_requests_stay_when_nova_refuses_one(self) -> None:
        alias = devices.alias(1, vendor_id='8086', product_id='0001')
        alias.spec = alias.spec * 2
        requests = [alias, devices.request(1, {'vendor_id': '8086'})]
        spec = objects.RequestSpec(
            requested_resources=None,
            pci_requests=objects.InstancePCIRequests(requests=requests),
        )
        self.assertRaises(
            ValueError, spec.generate_request_groups_from_pci_requests
        )
        self.assertEqual(requests, spec.pci_requests.requests)

    def test_without_the_option(self) -> None:
        self.conf.config(group='filter_scheduler', pci_in_placement=False)
        spec = objects.RequestSpec(requested_resources=None)
        spec.generate_request_groups_from_pci_requests()
        self.assertIsNone(spec.requested_resources)
