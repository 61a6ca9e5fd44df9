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

import threading
from typing import Any

import fixtures
from nova import exception as nova_exception
from nova import objects
from oslo_serialization import jsonutils

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.compute.migration import destination
from pci_ext.compute.migration import source
from pci_ext.compute.operations import reattach
from pci_ext.tests.component.compute import base
from pci_ext.tests.component.compute.migration import source_server

#: The real class; the tests replace it.
_Thread = threading.Thread


class ReattachTestCase(base.HostTestCase):
    """A guest whose devices a live migration detached."""

    def setUp(self) -> None:
        super().setUp()
        self.conf.config(
            group='pci_ext', reattach_attempts=2, reattach_delay=0
        )
        self.server = self.create_server(devices=2)
        objects.InstanceAction.action_start(
            self.context, self.server, 'live-migration', want_result=False
        )

    def request_ids(self) -> set[str]:
        requests = self.instance(self.server).pci_requests.requests
        return {request.request_id for request in requests}

    def detach_devices(self) -> None:
        instance = self.instance(self.server)
        server_state.PENDING_REATTACH.mark(
            instance, self.request_ids(), str(self.context.request_id)
        )
        self.compute.driver.detach_pci(
            self.context, instance, instance.pci_devices
        )

    def reattach(self) -> None:
        self.manager.reattach(self.context, self.server)

    def states(self) -> list[str]:
        found = server_state.reattach_errors(self.instance(self.server))
        return [error.state for error in found.values()]

    def assertAllAttached(self) -> None:
        self.assertEqual(2, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        instance = self.instance(self.server)
        self.assertEqual(frozenset(), server_state.pending_reattach(instance))
        self.assertEqual({}, server_state.reattach_errors(instance))

    def test_reattaches_at_once(self) -> None:
        self.detach_devices()
        self.reattach()
        self.assertAllAttached()

    def test_a_retry_has_the_server_meanwhile(self) -> None:
        self.detach_devices()
        attach_pci = self.compute.driver.attach_pci
        task_states = []

        def attach(*args: Any) -> None:
            task_states.append(self.instance(self.server).task_state)
            attach_pci(*args)

        self.compute.driver.attach_pci = attach
        self.manager.workers.retry_reattach(self.context, self.server)
        self.assertEqual([server_state.ATTACHING_PCI] * 2, task_states)
        self.assertAllAttached()

    def test_a_retry_beside_another_is_followed_by_a_look(self) -> None:
        self.detach_devices()
        # The other one has seen all that it will.
        self.manager.workers._reattaching.add(self.server)
        self.manager.workers.retry_reattach(self.context, self.server)
        self.manager.workers._reattaching.discard(self.server)
        self.assertIn(self.server, self.manager._unhealthy)
        self.manager.heal(self.server)
        self.assertAllAttached()

    def test_a_retry_ends_when_nova_compute_is_stopped(self) -> None:
        self.conf.config(group='pci_ext', reattach_delay=600)
        self.detach_devices()
        self.manager.workers.shutdown.begin()
        self.manager.workers.retry_reattach(self.context, self.server)
        self.assertEqual(
            frozenset(),
            self.compute.driver.attached_pci(self.instance(self.server)),
        )
        self.conf.config(group='pci_ext', reattach_delay=0)
        self.start()
        self.assertAllAttached()

    def test_reattaches_at_the_request_of_a_user(self) -> None:
        self.detach_devices()
        self.inject_faults(busy=list(self.ADDRESSES))
        self.reattach()
        self.assertEqual([server_state.FAILED] * 2, self.states())
        self.assertIsNone(self.instance(self.server).task_state)
        self.inject_faults()
        self.assertIsNone(self.request_reattach())
        self.assertAllAttached()

    def request_reattach(self) -> dict[str, str] | None:
        operation_id = self.acquire(self.server, server_state.ATTACHING_PCI)
        return self.endpoint.reattach_pci(
            self.context, self.instance(self.server), operation_id
        )

    def test_failed_device_is_reattached_at_restart(self) -> None:
        first, *_ = self.devices(self.server)
        self.detach_devices()
        self.inject_faults(busy=[first])
        self.reattach()
        self.assertEqual(
            [first],
            list(server_state.reattach_errors(self.instance(self.server))),
        )
        self.inject_faults()
        self.start()
        self.assertAllAttached()

    def test_failed_device_is_there_after_a_new_start(self) -> None:
        self.test_failed_device_is_not_attached_at_once()
        self.compute.driver._domains.stop(self.server)
        self.compute.driver._start_domain(self.instance(self.server))
        self.compute.driver.guest_restarted(self.server)
        self.assertAllAttached()

    def detach(self, *addresses: str) -> None:
        operation_id = self.acquire(self.server, server_state.DETACHING_PCI)
        answer = self.endpoint.detach_pci(
            self.context,
            self.instance(self.server),
            operation_id,
            [
                'pci_' + address.replace(':', '_').replace('.', '_')
                for address in addresses
            ],
        )
        self.assertIsNone(answer)

    def test_detached_device_has_no_error(self) -> None:
        first, second = self.devices(self.server)
        self.test_failed_device_is_not_attached_at_once()
        self.detach(first)
        instance = self.instance(self.server)
        self.assertEqual(
            [second], list(server_state.reattach_errors(instance))
        )
        self.detach(second)
        instance = self.instance(self.server)
        self.assertEqual({}, server_state.reattach_errors(instance))
        self.assertEqual(frozenset(), server_state.pending_reattach(instance))

    def test_failed_device_is_not_attached_at_once(self) -> None:
        self.detach_devices()
        self.inject_faults(busy=list(self.ADDRESSES))
        self.reattach()
        self.assertEqual([server_state.FAILED] * 2, self.states())
        self.inject_faults()

    def test_refuses_a_server_without_missing_devices(self) -> None:
        answer = self.request_reattach()
        assert answer is not None
        self.assertEqual('conflict', answer['kind'])
        self.assertAllAttached()

    def test_restart_reattaches_devices(self) -> None:
        self.detach_devices()
        self.start()
        self.assertAllAttached()

    def test_reattaches_a_device_released_late(self) -> None:
        instance = self.instance(self.server)
        [address, _] = self.devices(self.server)
        self.compute.driver._domains._release(self.server, address)
        self.manager.guest_changed(instance.uuid)
        self.assertAllAttached()

    def test_reattaches_a_device_released_during_reattach(
        self,
    ) -> None:
        [first, second] = self.devices(self.server)
        self.detach_devices()
        instance = self.instance(self.server)
        driver = self.compute.driver
        driver.attach_pci(self.context, instance, instance.pci_devices[:1])
        released = instance.pci_devices[0].address
        self.assertIn(released, (first, second))
        missing = reattach.Reattach.missing
        removal = _Thread(
            target=self.manager.guest_changed, args=[self.server]
        )

        def find_missing(task: reattach.Reattach) -> instance_devices.Devices:
            found = missing(task)
            if not removal.ident:
                driver._domains._release(self.server, released)
                removal.start()
                # The removal must wait for the end of the reattach.
                removal.join(1)
            return found

        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.compute.operations.reattach.Reattach.missing',
                find_missing,
            )
        )
        self.reattach()
        removal.join()
        self.assertAllAttached()

    def test_ignores_a_device_released_by_suspend_or_resume(self) -> None:
        [address, _] = self.devices(self.server)
        retried: list[str] = []
        self.manager.workers.retry_reattach = lambda context, uuid: (
            retried.append(uuid)
        )
        for task_state in 'suspending', 'resuming':
            instance = self.instance(self.server)
            instance.task_state = task_state
            instance.save()
            self.compute.driver._domains._release(self.server, address)
            self.manager.guest_changed(self.server)
            self.assertEqual([], retried)
            task = reattach.Reattach(
                self.compute, self.context, self.server, 'req-1'
            )
            task.reload()
            task.record_missing()
            self.assertEqual(
                frozenset(),
                server_state.pending_reattach(self.instance(self.server)),
            )

    def test_frees_a_released_device_with_a_pending_detach(
        self,
    ) -> None:
        [address, other] = self.devices(self.server)
        self.mark_pending(self.server, address)
        self.compute.driver._domains._release(self.server, address)
        self.manager.guest_changed(self.server)
        self.assertEqual([other], self.devices(self.server))

    def test_stopped_server_gets_its_devices_at_start(self) -> None:
        self.detach_devices()
        self.compute.driver._domains.stop(self.server)
        self.reattach()
        self.compute.driver._start_domain(self.instance(self.server))
        self.assertAllAttached()


class SourceMigrationTestCase(source_server.SourceTestCase):
    def migration(self) -> source.SourceMigration:
        return source.SourceMigration(self.compute, self.context, self.server)

    def test_check_refuses_a_policy_that_forbids(self) -> None:
        error = self.assertRaises(
            nova_exception.MigrationPreCheckError, self.migration().check
        )
        self.assertIn('0000:0', error.format_message())

    def test_detaches_hotplug_devices(self) -> None:
        self.set_policy(live_migration='hotplug')
        migration = self.migration()
        migration.check()
        self.assertTrue(migration.detach())
        self.assertEqual([], self.domain())
        data = objects.LibvirtLiveMigrateData(
            pci_dev_map_src_dst={
                **dict.fromkeys(self.recorded_devices(), '0000:99:00.0'),
                '0000:77:00.0': '0000:88:00.0',
            }
        )
        migration.drop_hotplugged(data)
        self.assertEqual(
            {'0000:77:00.0': '0000:88:00.0'}, data.pci_dev_map_src_dst
        )

    def recorded_devices(self) -> list[str]:
        devices = self.instance(self.server).pci_devices
        return [device.address for device in devices]

    def test_native_devices_remain_attached(self) -> None:
        self.set_policy(live_migration='native')
        migration = self.migration()
        migration.check()
        self.assertTrue(migration.detach())
        self.assertEqual(2, len(self.domain()))

    def test_unresponsive_guest_stops_the_migration(self) -> None:
        self.set_policy(live_migration='hotplug')
        self.inject_faults(
            release_delay={self.domain()[1]: 'never'}, timeout=0
        )
        self.assertFalse(self.migration().detach())
        self.manager.reattach(self.context, self.server)
        self.assertEqual(2, len(self.devices(self.server)))
        self.assertConsistent(self.server)

    def test_abort_before_detach_keeps_devices_attached(self) -> None:
        self.set_policy(live_migration='hotplug')
        migration = self.migration()
        self.assertTrue(migration.abort())
        self.assertFalse(migration.detach())
        self.assertEqual(2, len(self.domain()))

    def test_abort_after_detach_stops_the_migration(self) -> None:
        self.set_policy(live_migration='hotplug')
        migration = self.migration()

        def end(reporter: object, *error: object) -> None:
            self.assertEqual([], self.domain())
            self.assertTrue(migration.abort())

        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.compute.utils.EventReporter.__exit__', end
            )
        )
        self.assertFalse(migration.detach())

    def test_abort_in_the_transfer_is_left_to_the_hypervisor(self) -> None:
        self.set_policy(live_migration='hotplug')
        migration = self.migration()
        self.assertTrue(migration.detach())
        # The hypervisor aborts the transfer.
        self.assertFalse(migration.abort())

    def test_check_refuses_an_unfinished_attach(self) -> None:
        self.set_policy(live_migration='hotplug')
        instance = self.instance(self.server)
        unfinished = self.request(1)
        instance_devices.mark_attaching([unfinished], 'req-1')
        instance_devices.save_requests(
            instance, [*instance.pci_requests.requests, unfinished]
        )
        error = self.assertRaises(
            nova_exception.MigrationPreCheckError, self.migration().check
        )
        self.assertIn('being attached', str(error))

    def test_check_refuses_a_pending_detach(self) -> None:
        self.set_policy(live_migration='hotplug')
        self.mark_pending(self.server, self.domain()[0])
        self.assertRaises(
            nova_exception.MigrationPreCheckError, self.migration().check
        )


class ClaimsTestCase(base.HostTestCase):
    """Devices claimed for a live migration to this host."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.compute.resource_tracker.ResourceTracker.'
                '_update_to_placement',
                lambda *args: None,
            )
        )
        self.context = self.context.elevated()
        self.compute.rt.compute_nodes = {base.HOST: self.node}
        uuid = self.create_server(devices=0)
        self.compute.driver._domains.stop(uuid)
        self.server = objects.Instance.get_by_uuid(self.context, uuid)
        self.server.host = 'other'
        self.server.task_state = 'migrating'
        self.server.save()
        self.migration = self.create_migration()
        self.compute.rt.claim_pci_devices(
            self.context,
            objects.InstancePCIRequests(
                instance_uuid=uuid, requests=[self.request(2)]
            ),
            None,
        )

    def create_migration(self) -> objects.Migration:
        migration = objects.Migration(
            self.context,
            instance_uuid=self.server.uuid,
            source_compute='other',
            dest_compute=base.HOST,
            migration_type='live-migration',
            status='accepted',
        )
        migration.create()
        return migration

    def scan(self) -> None:
        """Report the pools, as a scan during the migration does."""
        self.compute.rt._update(self.context, self.node)

    def reported(self) -> int:
        """Return the number of free devices known to the scheduler."""
        node = objects.ComputeNode.get_by_id(self.context, self.node.id)
        return sum(pool.count for pool in node.pci_device_pools)

    def test_release_reports_free_devices_at_once(self) -> None:
        self.scan()
        self.assertEqual(2, self.reported())
        destination.release_claims(self.compute, self.context, self.server)
        self.assertEqual(4, self.reported())

    def test_unreachable_placement_does_not_stop_the_release(self) -> None:
        def fail(*args: object) -> None:
            raise nova_exception.PlacementAPIConnectFailure()

        self.compute.rt._update_to_placement = fail
        destination.release_claims(self.compute, self.context, self.server)
        self.assertEqual({}, dict(self.compute.rt.pci_tracker.claims))

    def test_releases_claims_of_an_ended_migration(self) -> None:
        self.migration.status = 'cancelled'
        self.migration.save()
        self.release()
        self.assertEqual({}, dict(self.compute.rt.pci_tracker.claims))

    def test_keeps_claims_of_a_later_migration(self) -> None:
        self.migration.status = 'cancelled'
        self.migration.save()
        self.create_migration()
        self.release()
        claims = self.compute.rt.pci_tracker.claims[self.server.uuid]
        self.assertEqual(2, len(claims))

    def test_keeps_claims_of_a_running_guest(self) -> None:
        domains = self.compute.driver._domains
        domains.define(self.server.uuid, [])
        domains.start(self.server.uuid)
        self.release()
        claims = self.compute.rt.pci_tracker.claims[self.server.uuid]
        self.assertEqual(2, len(claims))
        domains.stop(self.server.uuid)
        self.release()
        self.assertEqual({}, dict(self.compute.rt.pci_tracker.claims))

    def test_scan_after_an_error_frees_claims_without_a_guest(self) -> None:
        self.server.task_state = None
        self.server.save()
        self.migration.status = 'error'
        tracker, domains = self.restart(), self.compute.driver._domains
        # The guest runs here, but the source has not reported that.
        domains.define(self.server.uuid, [])
        domains.start(self.server.uuid)
        tracker.clean_usage([], [self.migration])
        self.assertEqual(2, len(tracker.claims[self.server.uuid]))
        domains.stop(self.server.uuid)
        tracker.clean_usage([], [self.migration])
        self.assertEqual({}, dict(tracker.claims))

    def restart(self) -> Any:
        """Track the devices, as a starting nova-compute does."""
        self.compute.rt.pci_tracker.save(self.context)
        self.compute.rt.pci_tracker = None
        devices = jsonutils.dumps(list(self.devices_of_hypervisor()))
        self.compute.rt._setup_pci_tracker(
            self.context, self.node, {'pci_passthrough_devices': devices}
        )
        return self.compute.rt.pci_tracker

    def test_retry_of_reattach_scans_the_host(self) -> None:
        """Nova's driver failed at the source; the guest still runs there."""
        scans: list[object] = []
        self.compute.update_available_resource = scans.append
        self.server.task_state = None
        self.server.save()
        self.conf.config(group='pci_ext', reattach_delay=0)
        objects.InstanceAction.action_start(
            self.context, self.server.uuid, 'live-migration', want_result=False
        )
        self.manager.retry_reattach(self.context, self.server)
        self.assertEqual(1, len(scans))

    def release(self) -> None:
        # The endpoint would wait for the end of the migration.
        destination.release_claims(
            self.compute, self.context, self.server, self.migration.id
        )


class AbortTestCase(base.HostTestCase):
    """Aborted live migrations from this host."""

    def setUp(self) -> None:
        super().setUp()
        self.released: list[tuple[str, int]] = []
        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.compute.rpcapi.ComputeAPI.release_claims',
                lambda api, context, instance, *to: self.released.append(to),
            )
        )
        self.server = self.create_server()
        self.migration = objects.Migration(
            self.context,
            instance_uuid=self.server,
            source_compute=base.HOST,
            dest_compute='other',
            migration_type='live-migration',
            status='queued',
        )
        self.migration.create()

    def abort(self) -> None:
        self.compute.live_migration_abort(
            self.context, self.instance(self.server), self.migration.id
        )

    def test_abort_in_the_queue_releases_claims(self) -> None:
        self.abort()
        self.assertEqual([('other', self.migration.id)], self.released)

    def test_restart_releases_claims_of_interrupted_migrations(self) -> None:
        # No device has been detached yet.
        for status in 'accepted', 'queued', 'preparing', 'running', 'error':
            self.migration.status = status
            self.migration.save()
            self.released.clear()
            self.start()
            self.assertEqual(
                [('other', self.migration.id)], self.released, status
            )

    def test_restart_keeps_claims_of_a_server_in_migration(self) -> None:
        instance = self.instance(self.server)
        instance.task_state = 'migrating'
        instance.save()
        self.start()
        self.assertEqual([], self.released)

    def test_restart_ignores_ended_migrations(self) -> None:
        self.migration.status = 'failed'
        self.migration.save()
        self.start()
        self.assertEqual([], self.released)

    def test_abort_of_a_running_migration_keeps_claims(self) -> None:
        def leave_to_the_driver(
            context: object, instance: object, migration_id: int
        ) -> None:
            self.migration.status = 'running'
            self.migration.save()

        self.live_migration_abort = leave_to_the_driver  # type: ignore[method-assign]
        self.start()
        self.released.clear()
        self.abort()
        self.assertEqual([], self.released)
