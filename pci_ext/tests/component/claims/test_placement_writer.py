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


from collections.abc import Callable
import types
from typing import Any

import fixtures
from keystoneauth1 import exceptions as keystone_exceptions
from nova import objects
from nova.scheduler.client import report
from nova.tests.functional import fixtures as nova_fixtures
from oslo_utils import uuidutils

from pci_ext.tests.component.compute import base


class AllocationsTestCase(base.HostTestCase):
    """A host whose devices are reported in a real Placement."""

    def setUp(self) -> None:
        super().setUp()
        self.conf.config(group='pci', report_in_placement=True)
        # The pools are of one provider each.
        self.start()
        self.placement = self.useFixture(nova_fixtures.PlacementFixture())
        self.rt = self.compute.rt
        self.client = report.SchedulerReportClient(
            adapter=types.SimpleNamespace()
        )
        self.rt.reportclient = self.client
        self.rt.compute_nodes = {base.HOST: self.node}
        self.create_service()
        self.update()

    def create_service(self) -> None:
        service = objects.Service(
            self.context, host=base.HOST, binary='nova-compute'
        )
        service.create()
        self.rt.service_ref = service

    def update(self) -> None:
        self.rt._update_to_placement(
            self.context.elevated(), self.node, startup=False
        )

    def create_server(self, devices: int = 1) -> str:
        server = super().create_server(devices)
        self.put(server, {self.node.uuid: {'VCPU': 1}})
        return server

    def put(self, consumer: str, amounts: dict[str, dict[str, int]]) -> None:
        allocations = self.client.get_allocs_for_consumer(
            self.context, consumer
        )
        response = self.placement.api.put(
            f'/allocations/{consumer}',
            {
                'allocations': {
                    provider: {'resources': resources}
                    for provider, resources in amounts.items()
                },
                'project_id': 'project',
                'user_id': 'user',
                'consumer_generation': allocations.get('consumer_generation'),
            },
            version='1.28',
        )
        self.assertEqual(204, response.status, response.body)

    def reported(self, consumer: str) -> list[str]:
        """Return the addresses of the devices allocated to a consumer."""
        tree = self.rt.provider_tree
        allocations = self.client.get_allocs_for_consumer(
            self.context, consumer
        )['allocations']
        self.assertIn(self.node.uuid, allocations)
        return sorted(
            tree.data(provider).name.removeprefix(f'{base.HOST}_').lower()
            for provider in allocations
            if provider != self.node.uuid
        )

    def assertReported(self, *servers: str) -> None:
        for server in servers:
            self.assertEqual(
                [
                    device.address
                    for device in self.rt.pci_tracker.pci_devs
                    if device.instance_uuid == server
                ],
                self.reported(server),
            )

    def on_write(self, function: Callable[[str], Any]) -> None:
        """Call a function before each write of allocations.

        Its argument is the consumer, empty for a reshape.
        """
        for name, prefix in ('put', '/allocations/'), ('post', '/reshaper'):
            original = getattr(report.SchedulerReportClient, name)

            def replacement(
                client: Any,
                url: str,
                *args: Any,
                original: Any = original,
                prefix: str = prefix,
                **kwargs: Any,
            ) -> Any:
                if url.startswith(prefix):
                    function(url.removeprefix(prefix))
                return original(client, url, *args, **kwargs)

            self.useFixture(
                fixtures.MonkeyPatch(
                    f'nova.scheduler.client.report.SchedulerReportClient.{name}',
                    replacement,
                )
            )

    def free(self, server: str) -> None:
        self.compute.driver._domains.remove(server)
        self.rt.free_pci_device_allocations_for_instance(
            self.context, self.instance(server)
        )

    def provider(self, address: str) -> str:
        return str(self.rt.provider_tree.data(f'{base.HOST}_{address}').uuid)

    def allocate_by_alias(self, address: str, **values: Any) -> str:
        """Allocate a device for a server, as the scheduler does.

        :param values: fields of the record of the server
        """
        server = self.create_server(0)
        instance = self.instance(server)
        for name, value in values.items():
            setattr(instance, name, value)
        instance.save()
        self.put(
            server,
            {
                self.node.uuid: {'VCPU': 1},
                self.provider(address): {'CUSTOM_PCI_8086_0001': 1},
            },
        )
        return server


class AllocationsTest(AllocationsTestCase):
    def test_claimed_devices_are_reported(self) -> None:
        servers = self.create_server(2), self.create_server(1)
        self.update()
        self.assertReported(*servers)
        self.assertEqual(2, len(self.reported(servers[0])))

    def test_freed_devices_go_to_another_server(self) -> None:
        first = self.create_server(4)
        self.update()
        [device, *_] = [*self.rt.pci_tracker.pci_devs]
        self.rt.unclaim_pci_devices(self.context, device, self.instance(first))
        self.update()
        self.assertReported(first)
        self.assertEqual(3, len(self.reported(first)))
        self.free(first)
        # Without an update in between.
        second = self.create_server(4)
        self.update()
        self.assertReported(first, second)
        self.assertEqual(4, len(self.reported(second)))

    def test_devices_of_a_gone_server(self) -> None:
        server = self.create_server(2)
        self.update()
        self.instance(server).destroy()
        self.rt.pci_tracker.clean_usage([], [])
        self.update()
        self.assertEqual([], self.reported(server))

    def test_the_old_host_of_a_migration(self) -> None:
        server = self.create_server(2)
        self.update()
        before = self.reported(server)
        migration = objects.Migration(
            self.context,
            uuid=uuidutils.generate_uuid(),
            instance_uuid=server,
            migration_type='migration',
            status='migrating',
        )
        migration.create()
        self.client.move_allocations(self.context, server, migration.uuid)
        # The new host has those of the server.
        self.update()
        self.assertEqual(before, self.reported(migration.uuid))
        self.free(server)
        self.update()
        self.assertEqual([], self.reported(migration.uuid))

    def test_an_unknown_consumer_is_left_alone(self) -> None:
        server = self.create_server(1)
        [device] = [
            each for each in self.rt.pci_tracker.pci_devs if each.instance_uuid
        ]
        provider = self.rt.provider_tree.data(
            f'{base.HOST}_{device.address}'
        ).uuid
        other = uuidutils.generate_uuid()
        self.put(
            other,
            {
                self.node.uuid: {'VCPU': 1},
                provider: {'CUSTOM_PCI_8086_0001': 1},
            },
        )
        # Placement has no room for the device.
        self.update()
        self.assertEqual([], self.reported(server))
        self.put(other, {self.node.uuid: {'VCPU': 1}})
        self.update()
        self.assertReported(server)

    def test_a_server_has_not_claimed_its_devices_yet(self) -> None:
        for values in (
            {'host': None, 'vm_state': 'building', 'task_state': None},
            {'host': None, 'vm_state': 'building', 'task_state': 'scheduling'},
            {'host': None, 'vm_state': 'shelved', 'task_state': 'unshelving'},
            {'host': 'host-2', 'task_state': 'migrating'},
            {'host': 'host-2', 'task_state': 'resize_prep'},
            {'task_state': 'resize_prep'},
        ):
            server = self.allocate_by_alias(self.ADDRESSES[3], **values)
            self.update()
            self.assertEqual([self.ADDRESSES[3]], self.reported(server))
            self.put(server, {self.node.uuid: {'VCPU': 1}})

    def test_a_server_that_claims_no_devices(self) -> None:
        for values in (
            {'host': None, 'vm_state': 'error', 'task_state': None},
            {'host': 'host-2', 'task_state': None},
            {'task_state': 'attaching_pci'},
        ):
            server = self.allocate_by_alias(self.ADDRESSES[3], **values)
            self.update()
            self.assertEqual([], self.reported(server))

    def test_placement_fails_for_a_while(self) -> None:
        first = self.create_server(4)
        self.update()
        self.free(first)
        failures = ['away']

        def fail(consumer: str) -> None:
            if failures:
                raise keystone_exceptions.ConnectFailure

        self.on_write(fail)
        second = self.create_server(4)
        self.update()
        self.assertEqual(4, len(self.reported(first)))
        failures.clear()
        self.update()
        self.assertReported(first, second)

    def test_one_failure_keeps_no_other_server_from_its_devices(self) -> None:
        _first, second = self.create_server(1), self.create_server(1)

        def fail(consumer: str) -> None:
            if consumer != second:
                raise keystone_exceptions.ConnectFailure

        self.on_write(fail)
        self.update()
        self.assertReported(second)

    def test_the_consumer_changes_meanwhile(self) -> None:
        server = self.create_server(2)
        changes = iter([{'VCPU': 1, 'MEMORY_MB': 1}])

        def change(consumer: str) -> None:
            for resources in changes:
                self.put(server, {self.node.uuid: resources})

        self.on_write(change)
        self.update()
        self.assertReported(server)
        allocations = self.client.get_allocs_for_consumer(
            self.context, server
        )['allocations']
        self.assertEqual(
            {'VCPU': 1, 'MEMORY_MB': 1},
            allocations[self.node.uuid]['resources'],
        )

    def test_the_consumer_is_deleted_meanwhile(self) -> None:
        servers = [self.create_server(1) for _ in range(2)]

        def delete(consumer: str) -> None:
            self.placement.api.delete(f'/allocations/{servers[0]}')

        self.on_write(delete)
        self.update()
        self.assertReported(servers[1])

    def test_no_reshape(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.scheduler.client.report.SchedulerReportClient._reshape',
                None,
            )
        )
        server = self.create_server(2)
        self.update()
        self.assertReported(server)
