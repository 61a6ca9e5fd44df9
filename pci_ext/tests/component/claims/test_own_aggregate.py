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

import types
from typing import Any
import uuid

from nova import objects
from nova.scheduler.client import report
from nova.tests.functional import fixtures as nova_fixtures
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.claims import own_aggregate
from pci_ext.tests.component.compute import base


class OwnAggregateTest(base.HostTestCase):
    """A host with a real Placement."""

    def setUp(self) -> None:
        super().setUp()
        self.placement = self.useFixture(nova_fixtures.PlacementFixture())
        self.rt = self.compute.rt
        service = objects.Service(
            self.context, host=base.HOST, binary='nova-compute'
        )
        service.create()
        self.rt.service_ref = service
        self.rt.compute_nodes = {base.HOST: self.node}
        self.own = own_aggregate.uuid_of(self.node.uuid)
        self.restart_client()

    def restart_client(self) -> None:
        """Forget what nova-compute has read from Placement."""
        self.client = report.SchedulerReportClient(
            adapter=types.SimpleNamespace()
        )
        self.rt.reportclient = self.client

    def update(self) -> str | None:
        """Run the periodic update, and return the mark in the stats."""
        resources = self.compute.driver.get_available_resource(base.HOST)
        self.rt._update_to_placement(
            self.context.elevated(), self.node, startup=False
        )
        mark: str | None = resources.get('stats', {}).get(
            own_aggregate.IS_MEMBER
        )
        return mark

    def provider(self) -> dict[str, Any]:
        response = self.placement.api.get(
            f'/resource_providers/{self.node.uuid}/aggregates', version='1.19'
        )
        found: dict[str, Any] = response.body
        return found

    def set_aggregates(self, *aggregates: str) -> None:
        response = self.placement.api.put(
            f'/resource_providers/{self.node.uuid}/aggregates',
            {
                'aggregates': list(aggregates),
                'resource_provider_generation': self.provider()[
                    'resource_provider_generation'
                ],
            },
            version='1.19',
        )
        self.assertEqual(200, response.status, response.body)

    def aggregates(self) -> list[str]:
        return sorted(self.provider()['aggregates'])

    def test_the_uuid_is_valid_and_recognisable(self) -> None:
        self.assertEqual(self.own, str(uuid.UUID(self.own)))
        self.assertTrue(self.own.startswith(own_aggregate.PREFIX))
        self.assertNotEqual(self.own, own_aggregate.uuid_of(uuids.other))

    def test_reports_membership_once_placement_has_it(self) -> None:
        self.assertIsNone(self.update())
        self.assertEqual([self.own], self.aggregates())
        self.assertIsNone(self.update())
        self.assertEqual('true', self.update())

    def test_writes_nothing_once_it_is_a_member(self) -> None:
        self.update()
        before = self.provider()
        for _ in range(3):
            self.update()
        self.assertEqual(before, self.provider())

    def test_keeps_the_aggregates_of_operators(self) -> None:
        self.update()
        self.client.aggregate_add_host(
            self.context, uuids.zone, rp_uuid=self.node.uuid
        )
        self.assertEqual(sorted([uuids.zone, self.own]), self.aggregates())
        self.update()
        self.assertEqual(sorted([uuids.zone, self.own]), self.aggregates())
        self.client.aggregate_remove_host(self.context, uuids.zone, base.HOST)
        self.update()
        self.assertEqual([self.own], self.aggregates())

    def test_joins_although_an_operator_adds_the_host_meanwhile(self) -> None:
        tree = self.client.get_provider_tree_and_ensure_root(
            self.context, self.node.uuid, name=base.HOST
        )
        self.assertEqual(set(), tree.data(base.HOST).aggregates)
        # nova-compute has read the aggregates, and keeps them for minutes.
        self.set_aggregates(uuids.zone)
        self.update()
        self.update()
        self.assertEqual(sorted([uuids.zone, self.own]), self.aggregates())

    def test_joins_again_if_it_is_removed(self) -> None:
        for _ in range(3):
            self.update()
        self.set_aggregates(uuids.zone)
        self.restart_client()
        self.assertEqual('true', self.update())
        self.assertEqual(sorted([uuids.zone, self.own]), self.aggregates())
        self.assertIsNone(self.update())
        self.assertEqual('true', self.update())
