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
from nova.compute import vm_states

from pci_ext.tests.component.compute import base


class FreeUntrackedTest(base.HostTestCase):
    """A server that Nova does not track until the next scan."""

    def setUp(self) -> None:
        super().setUp()
        self.rt = self.compute.rt
        self.rt.compute_nodes = {base.HOST: self.node}
        self.reports: list[int] = []
        self.rt._update = lambda context, node: self.reports.append(node.id)
        self.server = self.create_server(2)
        self.rt.pci_tracker.save(self.context)

    def update_usage(self, vm_state: str) -> None:
        instance = self.instance(self.server)
        instance.vm_state = vm_state
        self.rt.update_usage(self.context, instance, base.HOST)

    def statuses(self) -> list[str]:
        """List the statuses of the devices in the database."""
        devices = objects.PciDeviceList.get_by_compute_node(
            self.context, self.node.id
        )
        return sorted(device.status for device in devices)

    def assertKept(self) -> None:
        self.assertEqual(
            ['allocated'] * 2 + ['available'] * 2, self.statuses()
        )
        self.assertEqual([], self.reports)

    def test_deleted(self) -> None:
        self.update_usage(vm_states.DELETED)
        self.assertEqual(['available'] * 4, self.statuses())
        self.assertEqual([self.node.id], self.reports)

    def test_not_deleted(self) -> None:
        self.update_usage(vm_states.ACTIVE)
        self.assertKept()

    def test_tracked_on_a_disabled_node(self) -> None:
        self.rt.tracked_instances.add(self.server)
        self.rt.compute_nodes = {}
        self.update_usage(vm_states.DELETED)
        self.assertKept()
        self.assertEqual(2, len(self.rt.pci_tracker.allocations[self.server]))

    def test_without_devices(self) -> None:
        self.server = self.create_server(0)
        self.update_usage(vm_states.DELETED)
        self.assertKept()

    def test_before_the_first_scan(self) -> None:
        self.rt.pci_tracker = None
        self.update_usage(vm_states.DELETED)
        self.assertEqual([], self.reports)


class RebuildTest(base.HostTestCase):
    """A server that was resized, and rebuilt in ERROR."""

    def setUp(self) -> None:
        super().setUp()
        self.rt = self.compute.rt
        self.rt.compute_nodes = {base.HOST: self.node}
        self.server = self.create_server(2)

    def rebuild(self, source: str, destination: str) -> list[int]:
        """Rebuild the server; return the counts of its requests.

        In the migration context it has a request for 2 devices on the source,
        and one for 1 device on the destination.
        """
        instance = self.instance(self.server)
        move = objects.Migration(
            self.context,
            instance_uuid=self.server,
            source_compute=source,
            dest_compute=destination,
            status='error',
            migration_type='resize',
        )
        move.create()
        old, new = (
            objects.InstancePCIRequests(
                instance_uuid=self.server,
                requests=[
                    objects.InstancePCIRequest(count=count, spec=[base.GPU])
                ],
            )
            for count in (2, 1)
        )
        instance.migration_context = objects.MigrationContext(
            instance_uuid=self.server,
            migration_id=move.id,
            old_pci_requests=old,
            new_pci_requests=new,
        )
        instance.save()
        self.rt.finish_evacuation(
            self.instance(self.server), base.HOST, migration=None
        )
        rebuilt = self.instance(self.server)
        self.assertIsNone(rebuilt.migration_context)
        return [each.count for each in rebuilt.pci_requests.requests]

    def test_after_a_failed_revert(self) -> None:
        self.assertEqual([2], self.rebuild(base.HOST, 'host-2'))

    def test_after_a_failed_resize(self) -> None:
        self.assertEqual([1], self.rebuild('host-2', base.HOST))
