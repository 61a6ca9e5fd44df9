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

import functools

from nova import context as nova_context
from nova import objects
from nova import utils
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import nova_compute
from pci_ext.compute import workers
from pci_ext.compute.operations import reattach
from pci_ext.compute.recovery import late_detach
from pci_ext.compute.recovery import leftover_networks
from pci_ext.compute.recovery import reconciler
from pci_ext.compute.recovery import stale_operations
from pci_ext.compute.recovery import startup_audit

LOG = logging.getLogger(__name__)


class Manager:
    """Starts the threads that work at servers, for RPC, driver and Nova.

    :param compute: Nova's compute manager
    """

    def __init__(self, compute: nova_compute.ComputeManager) -> None:
        self._compute = compute
        self.workers = workers.Workers(compute)

    def start(self) -> None:
        """Begin to recover; to be called before operations are served.

        Servers are reconciled in threads once Nova has scanned the devices of
        the host.
        """
        servers = reconciler.find(
            nova_context.get_admin_context(), self._compute.host
        )
        workers.start_thread(self._remove_leftover_networks)
        workers.start_thread(self._recover, servers)
        stale_operations.schedule(
            self._compute,
            stale_operations.Monitor(
                self._compute, self.workers.is_busy, self._end
            ),
        )

    def _remove_leftover_networks(self) -> None:
        """Remove the networks; no server waits for it, or depends on it."""
        workers.wait_for_tracker(self._compute)
        try:
            leftover_networks.remove(self._compute)
        except Exception:
            LOG.exception('The leftover networks of ports stay')

    def _recover(self, servers: list[str]) -> None:
        workers.wait_for_tracker(self._compute)
        for server_uuid in servers:
            self.workers.run(
                server_uuid,
                functools.partial(
                    reconciler.reconcile, self._compute, server_uuid
                ),
            )
        startup_audit.audit_servers(self._compute)

    def _end(self, server_uuid: str, operation_id: str) -> None:
        """End a stale operation."""
        self.workers.run(
            server_uuid,
            functools.partial(
                reconciler.reconcile_stale,
                self._compute,
                server_uuid,
                operation_id,
            ),
        )

    def device_removed(self, server_uuid: str) -> None:
        """Handle a device that left a guest without a detach in progress."""
        context = nova_context.get_admin_context()

        def handle() -> nova_context.RequestContext | None:
            late_detach.free_released(self._compute, context, server_uuid)
            missing = reattach.has_missing(self._compute, context, server_uuid)
            return context if missing else None

        self.workers.run(server_uuid, handle)

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
