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

"""Services that are away during an attach, detach or reattach.

Each call of nova-compute fails once, or only its response is lost, or all
calls from that call on fail until the operation has ended. When the service is
back, periodic tasks heal the server.
"""

from collections.abc import Callable
import contextlib
import functools
import itertools
from typing import Any

import fixtures
from nova import objects
from oslo_utils import uuidutils

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.compute.recovery import periodic_tasks
from pci_ext.tests import tags
from pci_ext.tests.component.compute import base
from pci_ext.tests.component.compute import outages
from pci_ext.virt.fake import hypervisor

CONDUCTOR, LIBVIRT, PLACEMENT = 'conductor', 'libvirt', 'placement'

_OF_LIVE_MIGRATION = ('live-migration', 'compute_detach_pci')


@tags.tag(tags.LONG)
class OutagesTestCase(base.HostTestCase):
    """The methods of operations return what nova-compute is to do."""

    def setUp(self) -> None:
        super().setUp()
        # A stale operation is ended at once, and an attempt made at once.
        self.conf.config(rpc_response_timeout=0)
        self.conf.config(
            group='pci_ext', reattach_delay=0, reattach_attempts=2
        )
        self.inject_faults(timeout=0)
        # The destination of a live migration.
        self.useFixture(
            fixtures.MockPatch('pci_ext.compute.rpcapi.ComputeAPI')
        )
        self.useFixture(
            fixtures.MockPatchObject(
                hypervisor,
                'HYPERVISORS',
                {'dest': hypervisor.HYPERVISORS[base.HOST]},
            )
        )

    def attach(self, server: str) -> Callable[[], object]:
        operation_id = self.acquire(server, server_state.ATTACHING_PCI)
        return functools.partial(
            self.endpoint.attach_pci,
            self.context,
            self.instance(server),
            operation_id,
            [self.request(2)],
        )

    def detach(self, server: str) -> Callable[[], object]:
        operation_id = self.acquire(server, server_state.DETACHING_PCI)
        instance = self.instance(server)
        return functools.partial(
            self.endpoint.detach_pci,
            self.context,
            instance,
            operation_id,
            [device.dev_id for device in instance.pci_devices],
        )

    def reattach(self, server: str) -> Callable[[], object]:
        """Let a guest miss its devices, as after a live migration."""
        self.start_live_migration(server)
        instance = self.instance(server)
        [request] = instance.pci_requests.requests
        server_state.PENDING_REATTACH.mark(
            instance, {request.request_id}, self.context.request_id
        )
        self.compute.driver.detach_pci(
            self.context, instance, instance.pci_devices
        )
        return functools.partial(
            self.manager.workers.retry_reattach, self.context, server
        )

    def live_migration(self, server: str) -> Callable[[], object]:
        """Detach the devices, and let the transfer fail."""
        self.start_live_migration(server)
        self.inject_faults(timeout=0, transfer_fails=True)
        instance = self.instance(server)
        requests = instance.pci_requests.requests
        requests[0].spec[0]['live_migration'] = 'hotplug'
        instance_devices.save_requests(instance, requests)
        driver = self.compute.driver
        data = objects.LibvirtLiveMigrateData(
            pci_dev_map_src_dst={},
            migration=objects.Migration(id=1, dest_compute='dest'),
        )

        def recover(context: Any, instance: Any, *args: Any, **_: Any) -> None:
            driver.rollback_live_migration_at_source(context, instance, data)

        return functools.partial(
            driver.live_migration,
            *(self.context, instance, 'dest', None, recover, False, data),
        )

    def start_live_migration(self, server: str) -> None:
        self.context.request_id = f'req-{uuidutils.generate_uuid()}'
        objects.InstanceAction.action_start(
            self.context, server, 'live-migration', want_result=False
        )

    def outage(self, service: str, *args: Any) -> outages.Outage:
        if service == CONDUCTOR:
            return outages.ConductorOutage(*args)
        if service == PLACEMENT:
            return outages.PlacementOutage(*args, self.compute.rt)
        return outages.LibvirtOutage(*args, self.compute.driver)

    def check(
        self,
        operation: str,
        service: str,
        length: int | None,
        has_effect: bool,
    ) -> None:
        """Check an operation with an outage from each of its calls on."""
        for first in itertools.count(1):
            server = self.create_server(2)
            run = getattr(self, operation)(server)
            with self.outage(service, first, length, has_effect) as outage:
                # nova-api gets the error.
                with contextlib.suppress(Exception):
                    run()
            self.heal(server)
            self.assertEnded(server, service)
            self.release(server)
            if not outage.failed:
                break

    def heal(self, server: str) -> None:
        unhealthy = self.manager._unhealthy
        with fixtures.MockPatchObject(
            unhealthy, 'due', lambda: [server] if server in unhealthy else []
        ):
            for name in ('end_stale_pci_operations', 'heal_pci_servers') * 2:
                periodic_tasks.run(self.compute, self.context, name)

    def assertEnded(self, server: str, service: str) -> None:
        """Check that all agree, and that nothing of the operation remains."""
        # nova-api does so before the server moves.
        instance_devices.update_request_spec(
            self.context, self.instance(server)
        )
        self.assertConsistent(server)
        action = objects.InstanceAction.get_by_request_id(
            self.context, server, self.context.request_id
        )
        for event in objects.InstanceActionEventList.get_by_action(
            self.context, action.id
        ):
            # As with Nova's own events, nothing ends that of a detach for a
            # live migration later.
            if (action.action, event.event) != _OF_LIVE_MIGRATION:
                self.assertIsNotNone(event.finish_time, event)
        pending = self.pending(server)
        if service == LIBVIRT:
            # The guest may have been asked for the device.
            self.assertLessEqual(pending, set(self.devices(server)))
        else:
            self.assertEqual(set(), pending)
        keys = self.instance(server).system_metadata
        self.assertEqual(
            len(pending),
            len([key for key in keys if key.startswith(server_state.PREFIX)]),
        )

    def release(self, server: str) -> None:
        instance = self.instance(server)
        self.compute.rt.pci_tracker.free_instance(self.context, instance)
        self.compute.rt.pci_tracker.save(self.context)
        self.compute.driver._domains.stop(server)
        instance.destroy()


def _add_tests() -> None:
    """Add a test for each operation, service and kind of outage."""
    for operation, service, (kind, how) in itertools.product(
        ('attach', 'detach', 'reattach', 'live_migration'),
        (CONDUCTOR, LIBVIRT, PLACEMENT),
        outages.KINDS.items(),
    ):
        test = functools.partialmethod(
            OutagesTestCase.check, operation, service, *how
        )
        setattr(OutagesTestCase, f'test_{operation}_{service}_{kind}', test)


_add_tests()
