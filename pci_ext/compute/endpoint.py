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

"""What nova-compute does for pci_ext when it is called."""

from collections.abc import Callable
from concurrent import futures
import functools
import threading
import time
from typing import Any

from nova import context as nova_context
from nova import objects
from nova import utils
from nova.compute import utils as compute_utils
from oslo_log import log as logging
import oslo_messaging as messaging

from pci_ext import exception
from pci_ext.compute import arrival
from pci_ext.compute import attach
from pci_ext.compute import detach
from pci_ext.compute import detached
from pci_ext.compute import late
from pci_ext.compute import lost
from pci_ext.compute import networks
from pci_ext.compute import operation
from pci_ext.compute import persistence
from pci_ext.compute import reattach
from pci_ext.compute import reconciler
from pci_ext.compute import rpcapi

LOG = logging.getLogger(__name__)

#: Seconds between looks at whether Nova has its devices tracked.
_POLL_INTERVAL = 0.2

Answer = dict[str, str] | None


def _nothing(result: Any) -> None:
    pass


class Endpoint:
    """The methods of :class:`pci_ext.compute.rpcapi.ComputeAPI`.

    Each answers as soon as it is decided whether the operation can be. What
    then remains to be done takes as long as the guest does.

    :param compute: Nova's compute manager, which serves its own methods on
        the same topic
    """

    target = messaging.Target(
        namespace=rpcapi.NAMESPACE, version=rpcapi.VERSION
    )

    def __init__(self, compute: Any) -> None:
        self._compute = compute
        # Servers whose guests somebody is attaching devices to again.
        self._persisting: set[str] = set()
        # Servers that a thread works at or waits for, once for each.
        self._working: list[str] = []
        self._watch = lost.Watch(compute.host, self._is_busy, self._end)

    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
        requests: 'list[objects.InstancePCIRequest]',
    ) -> Answer:
        """Begin to attach devices, once they are claimed and recorded.

        :returns: None, or why it cannot be
        """
        return self._begin(
            attach.Attach(
                self._compute, context, instance.uuid, operation_id, requests
            )
        )

    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
        dev_ids: list[str],
    ) -> Answer:
        """Begin to detach devices, if all are those of the server.

        :returns: None, or why it cannot be
        """
        return self._begin(
            detach.Detach(
                self._compute, context, instance.uuid, operation_id, dev_ids
            )
        )

    def reattach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
    ) -> Answer:
        """Begin to attach what a live migration took out of the guest.

        :returns: None, or why it cannot be
        """
        return self._begin(
            reattach.Reattach(
                self._compute, context, instance.uuid, operation_id
            )
        )

    def release_claims(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migration_id: int | None = None,
    ) -> None:
        """Free what is claimed for a server that does not come after all."""
        arrival.forget(self._compute, context, instance, migration_id)
        self._publish(instance)

    def attach_again(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Attach what the guest of a server lacks, in the background.

        If it turns out not to be here, what it was to have here is freed.
        """
        self.persist(context, instance.uuid)
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
            target=arrival.publish, args=(self._compute, instance), daemon=True
        ).start()

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
            if detached.request_ids(again.instance):
                again.attempt(detached.RETRYING)

        try:
            attempt()
        except Exception:
            LOG.exception(
                'PCI devices of server %s are attached later', server_uuid
            )
            self.persist(context, server_uuid)

    def persist(
        self, context: nova_context.RequestContext, server_uuid: str
    ) -> None:
        """Begin to attach what the guest of a server lacks."""

        def run() -> None:
            try:
                persistence.attach_again(self._compute, context, server_uuid)
            except Exception:
                LOG.exception(
                    'Nobody attaches the PCI devices of server %s now',
                    server_uuid,
                )
            finally:
                self._persisting.discard(server_uuid)

        if server_uuid not in self._persisting:
            self._persisting.add(server_uuid)
            threading.Thread(target=run, daemon=True).start()

    def removed(self, server_uuid: str) -> None:
        """Take note that a guest let go of a device nobody waits for."""
        context = nova_context.get_admin_context()

        def release() -> nova_context.RequestContext | None:
            late.release(self._compute, context, server_uuid)
            lacks = reattach.lacks(self._compute, context, server_uuid)
            return context if lacks else None

        self._spawn_and_persist(server_uuid, release)

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
            networks.sweep(self._compute)
        except Exception:
            # The servers need none of it.
            LOG.exception('The networks of ports stay as they are')
        for server_uuid in servers:
            self._spawn_and_persist(
                server_uuid,
                functools.partial(
                    reconciler.reconcile, self._compute, server_uuid
                ),
            )

    def look(self, context: nova_context.RequestContext) -> None:
        """Look for operations that were lost, once devices are tracked."""
        if self._compute.rt.pci_tracker is not None:
            self._watch.look(context)

    def _end(self, server_uuid: str, operation_id: str) -> None:
        """End an operation that was lost."""
        self._spawn_and_persist(
            server_uuid,
            functools.partial(
                reconciler.reconcile_lost,
                self._compute,
                server_uuid,
                operation_id,
            ),
        )

    def _is_busy(self, server_uuid: str) -> bool:
        return server_uuid in self._working or server_uuid in self._persisting

    def _spawn_and_persist(
        self,
        server_uuid: str,
        function: Callable[[], nova_context.RequestContext | None],
    ) -> None:
        """Run a function in a thread, and then attach what it left out.

        :param function: gives the context to attach by; None if all is there
        """

        def persist(context: nova_context.RequestContext | None) -> None:
            if context is not None:
                self.persist(context, server_uuid)

        self._spawn(server_uuid, function, persist)

    def _begin(self, begun: operation.Operation) -> Answer:
        decision: futures.Future[None] = futures.Future()
        self._spawn(begun.server_uuid, lambda: self._run(begun, decision))
        try:
            decision.result()
        except exception.PciActionRefused as refusal:
            return rpcapi.pack(refusal)
        return None

    def _spawn(
        self,
        server_uuid: str,
        function: Callable[[], Any],
        then: Callable[[Any], Any] = _nothing,
    ) -> None:
        """Run a function in a thread, holding the lock that Nova takes too.

        :param then: called with what the function returns, without the lock
        """

        def run() -> None:
            try:
                then(utils.synchronized(server_uuid)(function)())
            except Exception:
                LOG.exception(
                    'An operation on the PCI devices of server %s failed',
                    server_uuid,
                )
            finally:
                self._working.remove(server_uuid)

        self._working.append(server_uuid)
        threading.Thread(target=run, daemon=True).start()

    def _run(
        self, begun: operation.Operation, decision: 'futures.Future[None]'
    ) -> None:
        try:
            with compute_utils.EventReporter(
                begun.context,
                f'compute_{begun.name}',
                self._compute.host,
                begun.server_uuid,
            ):
                begun.run(lambda: decision.set_result(None))
        except BaseException as error:
            if not decision.done():
                decision.set_exception(error)
            else:
                raise
