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

"""Servers whose migration context Nova has kept."""

from nova import objects

from pci_ext.tests.component.compute import base


class StaleContextTest(base.HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(2)

    def requests(self, count: int) -> 'objects.InstancePCIRequests':
        return objects.InstancePCIRequests(
            instance_uuid=self.server,
            requests=[
                objects.InstancePCIRequest(count=count, spec=[base.GPU])
            ],
        )

    def create_context(self, move: objects.Migration) -> None:
        """Create a context: 2 devices on the source, 1 on the destination."""
        move.create()
        instance = self.instance(self.server)
        instance.migration_context = objects.MigrationContext(
            instance_uuid=self.server,
            migration_id=move.id,
            old_pci_requests=self.requests(2),
            new_pci_requests=self.requests(1),
        )
        instance.save()

    def rebuilt_with(
        self, source: str, destination: str, kind: str = 'resize'
    ) -> list[int]:
        """Rebuild the server as Nova does; count its requested devices."""
        move = objects.Migration(
            self.context,
            instance_uuid=self.server,
            source_compute=source,
            dest_compute=destination,
            status='error',
            migration_type=kind,
        )
        self.create_context(move)
        instance = self.instance(self.server)
        with instance.mutated_migration_context():
            self.assertRaises(
                NotImplementedError,
                self.compute.driver.rebuild,
                *(self.context, instance, None, [], '', {}, [], None, None),
            )
        with instance.mutated_migration_context():
            return [each.count for each in instance.pci_requests.requests]

    def test_on_the_source_after_a_failed_revert(self) -> None:
        self.assertEqual([2], self.rebuilt_with(base.HOST, 'host-2'))

    def test_on_the_destination_after_a_failed_resize(self) -> None:
        self.assertEqual([1], self.rebuilt_with('host-2', base.HOST))

    def test_after_an_evacuation_that_was_not_completed(self) -> None:
        self.assertEqual(
            [2], self.rebuilt_with('host-2', base.HOST, 'evacuation')
        )

    def test_during_an_evacuation(self) -> None:
        instance = self.instance(self.server)
        instance.host = 'host-2'
        instance.save()
        self.assertEqual(
            [1], self.rebuilt_with('host-2', base.HOST, 'evacuation')
        )

    def test_on_the_only_host(self) -> None:
        self.assertEqual([2], self.rebuilt_with(base.HOST, base.HOST))

    def test_live_migration_after_a_failed_resize(self) -> None:
        self.create_context(
            objects.Migration(
                self.context,
                instance_uuid=self.server,
                source_compute='host-2',
                dest_compute='host-3',
                status='error',
                migration_type='resize',
            )
        )
        instance = self.instance(self.server)
        instance.update({'host': 'host-2', 'task_state': 'migrating'})
        instance.save()
        self.compute.driver.check_can_live_migrate_destination(
            self.context, self.instance(self.server), {}, {}
        )
        # Nova does so when the guest has arrived.
        arrived = self.instance(self.server)
        arrived.apply_migration_context()
        self.assertEqual(
            [2], [each.count for each in arrived.pci_requests.requests]
        )
