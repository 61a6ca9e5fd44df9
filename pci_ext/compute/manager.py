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

"""The manager of pci_ext in nova-compute, beside Nova's compute manager."""

from collections.abc import Mapping
import functools

from nova import context as nova_context
from nova import objects
from nova import utils
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute import workers
from pci_ext.compute.operations import reattach
from pci_ext.compute.recovery import healer
from pci_ext.compute.recovery import interrupted_migrations
from pci_ext.compute.recovery import leftover_networks
from pci_ext.compute.recovery import periodic_tasks
from pci_ext.compute.recovery import stale_operations
from pci_ext.compute.recovery import unfinished_servers
from pci_ext.compute.recovery import unhealthy_servers

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Seconds between two looks at the servers that are to be healed.
_HEALING_INTERVAL = 10

#: Seconds between two searches for leftover networks of ports.
_NETWORKS_INTERVAL = 600


class Manager:
    """Starts the threads that work at servers, for RPC, driver and Nova.

    :param compute: Nova's compute manager
    """

    def __init__(self, compute: nova_compute.ComputeManager) -> None:
        self._compute = compute
        self._unhealthy = unhealthy_servers.UnhealthyServers()
        self.workers = workers.Workers(compute, self._unhealthy.add)

    def start(self) -> None:
        """Begin to recover; to be called before operations are served.

        Servers are healed in threads once Nova has scanned the devices of the
        host.
        """
        context = nova_context.get_admin_context()
        workers.start_thread(self._remove_networks_at_start)
        workers.start_thread(
            self._recover,
            unfinished_servers.find(context, self._compute.host),
            interrupted_migrations.find_servers(context, self._compute.host),
        )
        monitor = stale_operations.Monitor(
            self._compute, self.workers.has_server, self._end
        )
        periodic_tasks.schedule(
            self._compute,
            'end_stale_pci_operations',
            CONF.rpc_response_timeout,
            monitor.check,
        )
        periodic_tasks.schedule(
            self._compute,
            'heal_pci_servers',
            _HEALING_INTERVAL,
            self._heal_due,
        )
        periodic_tasks.schedule(
            self._compute,
            'remove_leftover_pci_networks',
            _NETWORKS_INTERVAL,
            self._remove_leftover_networks,
        )

    def _remove_networks_at_start(self) -> None:
        """Remove the networks; no server waits for it, or depends on it."""
        if self.workers.wait_for_tracker():
            self._remove_leftover_networks(nova_context.get_admin_context())

    def _remove_leftover_networks(
        self, context: nova_context.RequestContext
    ) -> None:
        if self._compute.rt.pci_tracker is None:
            return
        try:
            leftover_networks.remove(self._compute)
        except Exception:
            LOG.exception('The leftover networks of ports stay')

    def _recover(
        self,
        servers: list[unfinished_servers.Server],
        migrating: set[str],
    ) -> None:
        if not self.workers.wait_for_tracker():
            return
        for server_uuid in migrating:
            self.workers.run(
                server_uuid,
                functools.partial(
                    interrupted_migrations.release_claims,
                    self._compute,
                    nova_context.get_admin_context(),
                    server_uuid,
                ),
            )
        # A guest may take long to release a device.
        for server in servers:
            if server.is_unfinished:
                self.heal(
                    server.uuid, server.operation, healer.Cause.RESTARTED
                )
        for server in servers:
            if not server.is_unfinished:
                self._heal_here(server.uuid)
        # Nova may have lost the requests of devices.
        for server_uuid in self._owners() - {each.uuid for each in servers}:
            self._heal_here(server_uuid)

    def _owners(self) -> set[str]:
        """Return the servers that have devices of this host."""
        return {
            device.instance_uuid
            for device in instance_devices.tracked_devices(self._compute.rt)
            # That of a new device is not set.
            if 'instance_uuid' in device and device.instance_uuid
        }

    def _heal_here(self, server_uuid: str) -> None:
        self.workers.run_here(
            server_uuid,
            self._healing(server_uuid, cause=healer.Cause.RESTARTED),
        )

    def _heal_due(self, context: nova_context.RequestContext) -> None:
        """Heal the servers whose time has come."""
        if self._compute.rt.pci_tracker is None:
            return
        for server_uuid in self._unhealthy.due():
            if not self.workers.is_busy(server_uuid):
                self.heal(server_uuid)

    def _end(self, server_uuid: str, operation_id: str) -> None:
        """End a stale operation."""
        self.heal(server_uuid, operation_id, healer.Cause.STALE)

    def heal(
        self,
        server_uuid: str,
        stale_operation: str | None = None,
        cause: healer.Cause = healer.Cause.FAILED,
    ) -> None:
        """Heal a server in a thread.

        :param stale_operation: id of an operation that does not run any more
        :param cause: the reason for which it did not end
        """
        self.workers.run(
            server_uuid, self._healing(server_uuid, stale_operation, cause)
        )

    def _healing(
        self,
        server_uuid: str,
        stale_operation: str | None = None,
        cause: healer.Cause = healer.Cause.FAILED,
    ) -> workers.ServerFunction:
        task = healer.Healer(
            self._compute, server_uuid, stale_operation, cause
        )

        def run() -> nova_context.RequestContext | None:
            outcome = task.heal()
            if outcome.is_healthy:
                self._unhealthy.discard(server_uuid)
            else:
                self._unhealthy.add(server_uuid)
            return outcome.reattach

        return run

    def guest_changed(self, server_uuid: str) -> None:
        """Heal a server whose guest lost a device.

        Its devices are known without a query: most servers have none.
        """
        tracker = self._compute.rt.pci_tracker
        if tracker is not None and (
            tracker.allocations.get(server_uuid)
            or tracker.claims.get(server_uuid)
        ):
            self.heal(server_uuid)

    def guest_restarted(self, server_uuid: str) -> None:
        """Heal a server whose guest was started or stopped.

        Only those that wait for something, such as the release of a device.
        """
        if server_uuid in self._unhealthy:
            self.heal_soon(server_uuid)
            self.guest_changed(server_uuid)

    def heal_soon(self, server_uuid: str) -> None:
        """Heal a server after a short delay."""
        self._unhealthy.discard(server_uuid)
        self._unhealthy.add(server_uuid)

    def reattach(
        self, context: nova_context.RequestContext, server_uuid: str
    ) -> None:
        """Reattach the devices that a live migration detached.

        To be called while Nova still has the server. Devices that cannot be
        attached at once are tried again in the background.
        """
        task = reattach.Reattach(
            self._compute, context, server_uuid, str(context.request_id)
        )

        @utils.synchronized(server_uuid)
        def attempt() -> None:
            task.reload()
            if server_state.pending_reattach(task.instance):
                task.attempt(server_state.RETRYING)

        try:
            attempt()
        except Exception:
            LOG.exception(
                'Reattaching PCI devices of server %s is tried again later',
                server_uuid,
            )
            self.workers.retry_reattach(context, server_uuid)

    def reattach_later(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        errors: Mapping[str, str],
    ) -> None:
        """Reattach in the background what could not be attached at once.

        To be called while Nova has the server.

        :param context: the context of Nova's action
        :param instance: Nova's own, which it saves later
        :param errors: by the address of each device
        """
        server_state.PENDING_REATTACH.mark(
            instance,
            {
                device.request_id
                for device in instance_devices.get_devices(
                    self._compute.rt, instance
                )
                if device.address in errors
            },
            str(context.request_id),
        )
        server_state.record_reattach(instance, errors, server_state.RETRYING)
        self.workers.retry_reattach(context, instance.uuid)

    def retry_reattach(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Try in the background to reattach the missing devices of a guest.

        If the guest turns out to run elsewhere, the host reports its pools
        without the devices that were claimed for it.
        """
        self.workers.retry_reattach(context, instance.uuid)
        if instance.host != self._compute.host:
            self.workers.report_pools(instance)
