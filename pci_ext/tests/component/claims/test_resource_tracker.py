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
from unittest import mock

import fixtures
from nova import objects
from nova.compute import vm_states
import oslo_messaging
from oslo_serialization import jsonutils

from pci_ext import server_state
from pci_ext.claims import tracker
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


class IncomingTestCase(base.HostTestCase):
    """A server comes to this host, where no guest runs."""

    def setUp(self) -> None:
        super().setUp()
        self.rt = self.compute.rt
        self.rt.compute_nodes = {base.HOST: self.node}
        self.rt._update = lambda context, node: None
        self.rt.pci_tracker.runs_here = lambda instance: False

    def create_migration(
        self, instance: objects.Instance, kind: str, status: str
    ) -> objects.Migration:
        """Create a migration of a server from its host to this one."""
        migration = objects.Migration(
            self.context,
            instance_uuid=instance.uuid,
            source_compute=instance.host,
            dest_compute=base.HOST,
            migration_type=kind,
            status=status,
        )
        migration.create()
        return migration


class EvacuationTest(IncomingTestCase):
    """A server that was stopped is evacuated to this host."""

    def setUp(self) -> None:
        super().setUp()
        self.evacuated = self.instance(self.create_server(devices=0))
        self.evacuated.flavor.id = 1
        attached = self.request(1)
        attached.requester_id = server_state.HOT_ATTACHED
        self.evacuated.pci_requests.requests = [attached]
        self.evacuated.update({'host': 'failed', 'task_state': 'rebuilding'})
        self.evacuated.save()
        self.migration = self.create_migration(
            self.evacuated, 'evacuation', 'accepted'
        )

    def claim(self) -> objects.PciDevice:
        self.rt.rebuild_claim(
            *(self.context, self.evacuated, base.HOST, {}),
            migration=self.migration,
        )
        # Nova does so before it records the new host.
        self.evacuated.update({'task_state': None, 'vm_state': 'stopped'})
        self.evacuated.save()
        [device] = self.rt.pci_tracker.allocations[self.evacuated.uuid]
        return device

    def test_scan_leaves_the_devices(self) -> None:
        device = self.claim()
        self.rt.pci_tracker.clean_usage([], [self.migration])
        self.assertEqual('allocated', device.status)

    def test_scan_frees_the_devices_after_a_restart(self) -> None:
        self.claim()
        self.rt.pci_tracker.save(self.context)
        restarted = tracker.PciDevTracker(self.context, self.node)
        restarted.runs_here = lambda instance: False
        [device] = restarted.allocations[self.evacuated.uuid]
        restarted.clean_usage([], [self.migration])
        self.assertEqual('available', device.status)


class LeftDevicesTest(IncomingTestCase):
    """A server comes again whose cold migration from here failed."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.instance(self.create_server())
        self.server.flavor.id = 1
        self.server.pci_requests.requests = []
        self.server.update({'host': 'other', 'task_state': 'resize_prep'})
        self.server.save()

    def devices(self) -> list[objects.PciDevice]:
        return list(self.rt.pci_tracker.allocations[self.server.uuid])

    def test_move_frees_them(self) -> None:
        self.assertEqual(1, len(self.devices()))
        migration = self.create_migration(
            self.server, 'migration', 'pre-migrating'
        )
        self.rt.resize_claim(
            self.context,
            self.server,
            self.server.flavor,
            base.HOST,
            migration,
            {},
        )
        self.assertEqual([], self.devices())

    def test_unshelve_frees_them(self) -> None:
        self.server.update({'host': None, 'node': None, 'compute_id': None})
        self.server.save()
        self.rt.instance_claim(self.context, self.server, base.HOST, {})
        self.assertEqual([], self.devices())


class DriverTest(base.HostTestCase):
    def log_of_start(self, driver: object) -> str:
        """Start the tracker with a compute driver, and return its log."""
        rt = self.compute.rt
        rt.driver, rt.pci_tracker = driver, None
        log = self.useFixture(fixtures.FakeLogger())
        rt._setup_pci_tracker(self.context, self.node, {})
        return str(log.output)

    def test_logs_that_a_driver_of_nova_does_not_serve_devices(self) -> None:
        text = 'does not serve the devices of [pci_ext] pci_information'
        self.assertIn(text, self.log_of_start(object()))
        self.conf.config(group='pci_ext', pci_information=[], pci_devices=[])
        self.assertNotIn(text, self.log_of_start(object()))

    def test_knows_the_driver_after_a_first_scan_that_failed(self) -> None:
        rt = self.compute.rt
        rt.pci_tracker = None
        resources = {
            'pci_passthrough_devices': jsonutils.dumps(
                list(self.devices_of_hypervisor())
            )
        }
        outage = fixtures.MonkeyPatch(
            'pci_ext.claims.tracker.PciDevTracker._update_records',
            mock.Mock(side_effect=oslo_messaging.MessagingTimeout),
        )
        with outage:
            self.assertRaises(
                oslo_messaging.MessagingTimeout,
                rt._setup_pci_tracker,
                *(self.context, self.node, dict(resources)),
            )
        rt._setup_pci_tracker(self.context, self.node, dict(resources))
        self.assertEqual(
            self.compute.driver.runs_here, rt.pci_tracker.runs_here
        )

    def test_logs_nothing_for_a_driver_of_pci_ext(self) -> None:
        self.assertNotIn(
            'compute_driver', self.log_of_start(self.compute.driver)
        )
