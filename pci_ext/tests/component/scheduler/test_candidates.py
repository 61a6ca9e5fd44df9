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

from __future__ import annotations

from collections.abc import Iterator
import datetime
import random
import types
from typing import Any
from unittest import mock

import fixtures
from nova import context as nova_context
from nova import objects
from nova import test
from nova.scheduler import manager
from nova.scheduler.client import report
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import fixtures as nova_functional_fixtures
import os_traits
from oslo_db import exception as db_exception
import oslo_messaging
from oslo_utils import uuidutils
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.claims import own_aggregate
from pci_ext.scheduler import cell_records
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.component import databases
from pci_ext.tests.unit.claims import devices
from pci_ext.tests.unit.scheduler import hosts

A, B, C = ({'product_id': f'000{letter}'} for letter in 'abc')


def _serve(free: list[str], wanted: list[list[str]]) -> Iterator[int]:
    """Try all assignments; yield the steps down of each."""
    if not wanted:
        yield 0
        return
    for step, product in enumerate(wanted[0]):
        if product in free:
            left = list(free)
            left.remove(product)
            for more in _serve(left, wanted[1:]):
                yield step + more


class CandidatesTest(test.TestCase):
    """Six hosts with a real Placement, which answers with two of them."""

    NUMBER_OF_CELLS = 2
    NAMES = tuple(f'host-{number}' for number in range(1, 7))

    def setUp(self) -> None:
        self.useFixture(databases.SharedSetUp())
        super().setUp()
        # Nova's fixture of cells is slow with threads.
        self.useFixture(nova_fixtures.SpawnIsSynchronousFixture())
        self.conf = self.useFixture(pci_ext_fixtures.Activation()).conf
        self.conf.config(group='scheduler', max_placement_results=2)
        self.conf.config(
            group='filter_scheduler',
            enabled_filters=[],
            weight_classes=['pci_ext.scheduler.weights.all_weighers'],
        )
        # Those with a version have all fields of the flavor.
        self.conf.config(
            group='notifications', notification_format='unversioned'
        )
        self.placement = self.useFixture(
            nova_functional_fixtures.PlacementFixture()
        )
        self.client = report.SchedulerReportClient(
            adapter=types.SimpleNamespace()
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.scheduler.client.report.report_client_singleton',
                lambda: self.client,
            )
        )
        self.context = nova_context.get_admin_context()
        self.context.project_id = 'project'
        self.context.user_id = 'user'
        self.nodes = {name: self.create_host(name) for name in self.NAMES}
        self.scheduler = manager.SchedulerManager()

    def create_host(self, name: str) -> objects.ComputeNode:
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as context:
            objects.Service(context, host=name, binary='nova-compute').create()
            node = objects.ComputeNode(
                context,
                host=name,
                hypervisor_hostname=name,
                uuid=uuidutils.generate_uuid(),
                vcpus=100,
                memory_mb=100,
                local_gb=100,
                vcpus_used=0,
                memory_mb_used=0,
                local_gb_used=0,
                free_disk_gb=100,
                free_ram_mb=100,
                hypervisor_type='fake',
                hypervisor_version=1,
                cpu_info='',
                supported_hv_specs=[],
                stats={own_aggregate.IS_MEMBER: 'true'},
            )
            node.create()
        tree = self.client.get_provider_tree_and_ensure_root(
            self.context, node.uuid, name=name
        )
        tree.update_inventory(name, {'VCPU': {'total': 100, 'max_unit': 100}})
        # Required by Nova 34.
        tree.update_traits(
            name, {'OWNER_NOVA'} & set(os_traits.get_traits('OWNER'))
        )
        own_aggregate.join(tree, name)
        self.client.update_from_provider_tree(self.context, tree)
        return node

    def set_pools(self, name: str, *pools: dict[str, Any]) -> None:
        """Record the pools of a host, as its nova-compute does."""
        node = self.nodes[name]
        node.pci_device_pools = objects.PciDevicePoolList(
            objects=[
                objects.PciDevicePool.from_dict(hosts.POOL | pool)
                for pool in pools
            ]
        )
        node.save()

    def schedule(
        self, *requests: objects.InstancePCIRequest, **properties: Any
    ) -> str | None:
        """Return the host for a server; None if no host is found."""
        server = uuidutils.generate_uuid()
        spec = objects.RequestSpec.from_components(
            self.context,
            server,
            objects.ImageMeta(properties=objects.ImageMetaProps()),
            objects.Flavor(
                vcpus=1,
                memory_mb=0,
                root_gb=0,
                ephemeral_gb=0,
                swap=0,
                extra_specs={},
            ),
            None,
            objects.InstancePCIRequests(
                instance_uuid=server, requests=list(requests)
            ),
            {'ignore_hosts': properties.get('ignore_hosts')},
            None,
            properties.get('zone'),
        )
        try:
            [[selection]] = self.scheduler.select_destinations(
                self.context,
                spec_obj=spec,
                instance_uuids=[server],
                return_objects=True,
            )
        except oslo_messaging.ExpectedException as error:
            self.reason = str(error.exc_info[1])
            return None
        self.client.delete_allocation_for_instance(
            self.context, server, force=True
        )
        return str(selection.service_host)

    def test_finds_the_host_of_random_clouds(self) -> None:
        """As a search through all assignments to all hosts does."""
        rng = random.Random(15)
        letters = 'abc'
        for number in range(100):
            free = {
                name: [
                    letter
                    for letter in letters
                    for _ in range(rng.choice((0, 0, 0, 1, 2)))
                ]
                for name in self.NAMES
            }
            for name, found in free.items():
                self.set_pools(
                    name,
                    *(
                        {'product_id': letter, 'count': found.count(letter)}
                        for letter in sorted(set(found))
                    ),
                )
            requests = [
                (
                    rng.randint(1, 2),
                    rng.sample(letters, rng.randint(1, 2)),
                )
                for _ in range(rng.randint(1, 2))
            ]
            wanted = [
                alternatives
                for count, alternatives in requests
                for _ in range(count)
            ]
            steps = {
                name: min(_serve(found, wanted), default=None)
                for name, found in free.items()
            }
            host = self.schedule(
                *(
                    devices.request(
                        count, *({'product_id': each} for each in alternatives)
                    )
                    for count, alternatives in requests
                )
            )
            least = min(
                (each for each in steps.values() if each is not None),
                default=None,
            )
            self.assertEqual(
                least,
                host and steps[host],
                f'cloud {number}: {requests} of {free}, found {host}',
            )

    def test_finds_devices_that_were_released_just_now(self) -> None:
        self.assertIsNone(self.schedule(devices.request(1, A)))
        self.assertIn('requested PCI devices', self.reason)
        self.set_pools('host-6', A)
        self.assertEqual('host-6', self.schedule(devices.request(1, A)))
        self.set_pools('host-6')
        self.set_pools('host-5', A)
        self.assertEqual('host-5', self.schedule(devices.request(1, A)))

    def test_finds_devices_on_records_with_the_time_of_a_slow_clock(
        self,
    ) -> None:
        self.set_pools('host-1', B)
        self.assertEqual('host-1', self.schedule(devices.request(1, B)))
        slow = self.nodes['host-1'].created_at.replace(year=2000)

        def utcnow(with_timezone: bool = False) -> datetime.datetime:
            return slow if with_timezone else slow.replace(tzinfo=None)

        self.useFixture(
            fixtures.MonkeyPatch('nova.db.main.api.timeutils.utcnow', utcnow)
        )
        self.set_pools('host-6', A)
        self.assertEqual('host-6', self.schedule(devices.request(1, A)))

    def test_finds_a_host_that_is_not_in_its_aggregate_yet(self) -> None:
        self.conf.config(group='scheduler', max_placement_results=10)
        self.nodes['host-6'].stats = {}
        self.leave_aggregate('host-6')
        self.set_pools('host-1', A | {'count': 2})
        # It is preferred, as it fits tightest.
        self.set_pools('host-6', A)
        self.assertEqual('host-6', self.schedule(devices.request(1, A)))

    def test_finds_hosts_that_have_lost_their_aggregates(self) -> None:
        self.conf.config(group='scheduler', max_placement_results=10)
        self.set_pools('host-1', A)
        self.leave_aggregate('host-1')
        self.assertEqual('host-1', self.schedule(devices.request(1, A)))

    def leave_aggregate(self, name: str) -> None:
        path = f'/resource_providers/{self.nodes[name].uuid}/aggregates'
        before = self.placement.api.get(path, version='1.19').body
        response = self.placement.api.put(
            path, before | {'aggregates': []}, version='1.19'
        )
        self.assertEqual(200, response.status, response.body)

    def test_availability_zones_apply(self) -> None:
        for name in self.NAMES:
            self.set_pools(name, A)
        zone = objects.Aggregate(
            self.context, name='zone', uuid=uuids.zone, metadata={}
        )
        zone.create()
        zone.update_metadata({'availability_zone': 'zone'})
        self.client.aggregate_add_host(
            self.context, uuids.zone, rp_uuid=self.nodes['host-6'].uuid
        )
        for _ in range(3):
            self.assertEqual(
                'host-6', self.schedule(devices.request(1, A), zone='zone')
            )

    def test_leaves_out_ignored_hosts(self) -> None:
        ignored = list(self.NAMES[:-1])
        for name in self.NAMES:
            self.set_pools(name, A)
        for _ in range(3):
            self.assertEqual(
                'host-6',
                self.schedule(devices.request(1, A), ignore_hosts=ignored),
            )
        self.assertIsNone(
            self.schedule(devices.request(1, A), ignore_hosts=list(self.NAMES))
        )

    def test_a_cell_that_does_not_answer(self) -> None:
        asked = []
        read = cell_records.read_cell

        def read_cell(context: Any, since: Any) -> Any:
            if context.cell_uuid == uuids.cell2:
                asked.append(uuids.cell2)
                raise db_exception.DBConnectionError
            return read(context, since)

        self.set_pools('host-6', A)
        with mock.patch.object(cell_records, 'read_cell', read_cell):
            self.assertEqual('host-6', self.schedule(devices.request(1, A)))
            # Nova is to say that there is no host: it may have those of the
            # cell.
            self.assertIsNone(self.schedule(devices.request(1, B)))
            self.assertNotIn('PCI devices', self.reason)
        # Nova waits up to a minute for an answer.
        self.assertEqual([uuids.cell2], asked)
