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

"""What pci_ext does in nova-compute beside Nova's own manager."""

import functools
import threading
import time

from nova import context as nova_context
from nova import objects
from nova import utils
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import nova_compute
from pci_ext.compute import workers
from pci_ext.compute.migration import destination
from pci_ext.compute.operations import reattach
from pci_ext.compute.recovery import late_detach
from pci_ext.compute.recovery import leftover_networks
from pci_ext.compute.recovery import reconciler
from pci_ext.compute.recovery import stale_operations

LOG = logging.getLogger(__name__)

#: Seconds between looks at whether Nova has its devices tracked.
_POLL_INTERVAL = 0.2


class Manager:
    """What the driver tells of guests, and what is done about it.

    :param compute: Nova's compute manager
    :ivar workers: who works at which server
    """

    def __init__(self, compute: nova_compute.ComputeManager) -> None:
        self._compute = compute
        self.workers = workers.Workers(compute)
        stale_operations.schedule(
            compute,
            stale_operations.Monitor(compute, self.workers.is_busy, self._end),
        )

    def reconcile(self) -> None:
        """End what was interrupted when nova-compute ended.

        To be called before this is served. The work is done once Nova has
        its devices tracked, which it has not yet.
        """
        servers = reconciler.find(
            nova_context.get_admin_context(), self._compute.host
        )
        if servers or self._compute.driver.port_networks():
            threading.Thread(
                target=self._reconcile, args=(servers,), daemon=True
            ).start()

    def _reconcile(self, servers: list[str]) -> None:
        while self._compute.rt.pci_tracker is None:
            time.sleep(_POLL_INTERVAL)
        try:
            leftover_networks.sweep(self._compute)
        except Exception:
            # The servers need none of it.
            LOG.exception('The networks of ports stay as they are')
        for server_uuid in servers:
            self.workers.start(
                server_uuid,
                functools.partial(
                    reconciler.reconcile, self._compute, server_uuid
                ),
            )

    def _end(self, server_uuid: str, operation_id: str) -> None:
        """End an operation that was lost."""
        self.workers.start(
            server_uuid,
            functools.partial(
                reconciler.reconcile_lost,
                self._compute,
                server_uuid,
                operation_id,
            ),
        )

    def removed(self, server_uuid: str) -> None:
        """Take note that a guest let go of a device nobody waits for."""
        context = nova_context.get_admin_context()

        def release() -> nova_context.RequestContext | None:
            late_detach.release(self._compute, context, server_uuid)
            lacks = reattach.lacks(self._compute, context, server_uuid)
            return context if lacks else None

        self.workers.start(server_uuid, release)

    def settled(
        self, context: nova_context.RequestContext, server_uuid: str
    ) -> None:
        """Attach what a live migration took out, now that it is over.

        Nova has not given the server back yet. What cannot be attached at
        once is tried again in the background.
        """
        again = reattach.Reattach(
            self._compute, context, server_uuid, str(context.request_id)
        )

        @utils.synchronized(server_uuid)
        def attempt() -> None:
            again.reload()
            if server_state.pending_reattach(again.instance):
                again.attempt(server_state.RETRYING)

        try:
            attempt()
        except Exception:
            LOG.exception(
                'PCI devices of server %s are attached later', server_uuid
            )
            self.workers.persist(context, server_uuid)

    def release_claims(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migration_id: int | None = None,
    ) -> None:
        """Free what is claimed for a server that does not come after all."""
        destination.forget(self._compute, context, instance, migration_id)
        self._publish(instance)

    def attach_again(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Attach what the guest of a server lacks, in the background.

        If it turns out not to be here, what it was to have here is freed.
        """
        self.workers.persist(context, instance.uuid)
        if instance.host != self._compute.host:
            self._publish(instance)

    def arrived(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Attach what a live migration took out, with the guest here."""
        self.settled(context, instance.uuid)
        self._publish(instance)

    def _publish(self, instance: 'objects.Instance') -> None:
        threading.Thread(
            target=destination.publish,
            args=(self._compute, instance),
            daemon=True,
        ).start()
