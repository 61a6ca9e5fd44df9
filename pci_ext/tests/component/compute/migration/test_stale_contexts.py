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

"""The rebuild of a server whose migration context Nova has kept."""

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

    def rebuilt_with(
        self, source: str, destination: str, kind: str = 'resize'
    ) -> list[int]:
        """Rebuild the server as Nova does; return the counts of its requests.

        In its migration context are 2 devices on the source of the move,
        and 1 on the destination.
        """
        move = objects.Migration(
            self.context,
            instance_uuid=self.server,
            source_compute=source,
            dest_compute=destination,
            status='error',
            migration_type=kind,
        )
        move.create()
        instance = self.instance(self.server)
        instance.migration_context = objects.MigrationContext(
            instance_uuid=self.server,
            migration_id=move.id,
            old_pci_requests=self.requests(2),
            new_pci_requests=self.requests(1),
        )
        instance.save()
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
