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

"""The threads of pci_ext in nova-compute."""

from collections.abc import Callable
from collections.abc import Iterator
from concurrent import futures
import contextlib
import functools
import threading
from typing import Any

from nova import context as nova_context
from nova import objects
from nova import utils
from nova.compute import utils as compute_utils
from oslo_log import log as logging

from pci_ext.compute import host_scan
from pci_ext.compute import nova_compute
from pci_ext.compute import shutdown
from pci_ext.compute.migration import destination
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import reattach_retry
from pci_ext.i18n import _

LOG = logging.getLogger(__name__)

#: Seconds between two checks whether Nova has scanned the devices.
_POLL_INTERVAL = 0.2

#: The name in the log of a task that recovers a server.
_HEAL = 'heal_pci'

#: Returns the context of the action by which devices are to be reattached;
#: None if there are none.
ServerFunction = Callable[[], nova_context.RequestContext | None]


class _Event(compute_utils.EventReporter):
    """The event of an operation, which is forgotten when the event is ended.

    If it cannot be ended, healing finds the operation and ends it.
    """

    def __init__(self, begun: operation.Operation) -> None:
        super().__init__(
            begun.context,
            f'compute_{begun.name}',
            begun.compute.host,
            begun.server_uuid,
        )
        self._operation = begun

    def __exit__(self, *exc_info: Any) -> None:
        super().__exit__(*exc_info)
        self._operation.forget()


def start_thread(function: Callable[..., None], *args: object) -> None:
    """Run a function in a thread, which does not outlive nova-compute."""
    threading.Thread(target=function, args=args, daemon=True).start()


class Workers:
    """The threads that work at servers of this host.

    A graceful shutdown of nova-compute waits for them, and lets no other
    begin; its next start recovers the servers that remain.

    :param compute: Nova's compute manager
    :param on_failure: called with the uuid of a server at which a thread
        failed, and may have left something
    """

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        on_failure: Callable[[str], None],
    ) -> None:
        self._compute = compute
        self.shutdown = shutdown.Shutdown(compute)
        self._on_failure = on_failure
        self._scan = host_scan.HostScan(compute)
        # Servers whose devices a thread tries to reattach.
        self._reattaching: set[str] = set()
        # The server of each thread that has its lock or waits for it.
        self._working: list[str] = []

    def wait_for_tracker(self) -> bool:
        """Wait until Nova has scanned the devices of this host.

        :returns: False if nova-compute is being stopped
        """
        while self._compute.rt.pci_tracker is None:
            if self.shutdown.wait(_POLL_INTERVAL):
                return False
        return True

    def is_busy(self, server_uuid: str) -> bool:
        """Return whether a thread works at a server, or is about to.

        A thread that retries a reattach is, also between its attempts.
        """
        return self.has_server(server_uuid) or server_uuid in self._reattaching

    def has_server(self, server_uuid: str) -> bool:
        """Return whether a thread has the lock of a server or waits for it."""
        return server_uuid in self._working

    @contextlib.contextmanager
    def _at_work(self, server_uuid: str) -> Iterator[None]:
        self._working.append(server_uuid)
        try:
            yield
        finally:
            self._working.remove(server_uuid)

    def run_operation(
        self, begun: operation.Operation
    ) -> 'futures.Future[None]':
        """Run an operation in a thread.

        :returns: the operation's own future
        """
        self._working.append(begun.server_uuid)
        start_thread(
            self._run_once,
            begun.server_uuid,
            functools.partial(self._run, begun),
            begun.name,
            begun.operation_id,
        )
        return begun.accepted

    def run(self, server_uuid: str, function: ServerFunction) -> None:
        """Run a function in a thread, and reattach the devices it names.

        :param function: called with the instance lock held
        """
        if not self.shutdown.has_begun():
            self._working.append(server_uuid)
            start_thread(self._run_once, server_uuid, function, _HEAL)

    def run_here(self, server_uuid: str, function: ServerFunction) -> None:
        """Run a function in this thread, as :meth:`run` does in another."""
        if not self.shutdown.has_begun():
            self._working.append(server_uuid)
            self._run_once(server_uuid, function, _HEAL)

    def _run_once(
        self,
        server_uuid: str,
        function: ServerFunction,
        task: str,
        request_id: str | None = None,
    ) -> None:
        try:
            with self.shutdown.delayed_by(task, server_uuid, request_id):
                context = utils.synchronized(server_uuid)(function)()
            if context is not None:
                self.retry_reattach(context, server_uuid)
        except Exception:
            LOG.exception(
                'An operation on the PCI devices of server %s failed',
                server_uuid,
            )
            self._on_failure(server_uuid)
        finally:
            self._working.remove(server_uuid)

    def retry_reattach(
        self, context: nova_context.RequestContext, server_uuid: str
    ) -> None:
        """Try in a thread to reattach the missing devices of a guest.

        A thread that tries already may be about to end, and not see what is
        missing since: then the server is looked at again later.
        """

        def run() -> None:
            try:
                reattach_retry.retry_reattach(
                    self._compute,
                    context,
                    server_uuid,
                    self.shutdown,
                    functools.partial(self._at_work, server_uuid),
                )
            except Exception:
                LOG.exception(
                    'Reattaching PCI devices of server %s is tried again '
                    'later',
                    server_uuid,
                )
                self._on_failure(server_uuid)
            finally:
                self._reattaching.discard(server_uuid)

        if server_uuid not in self._reattaching:
            self._reattaching.add(server_uuid)
            start_thread(run)
        else:
            self._on_failure(server_uuid)

    def report_pools(self, instance: 'objects.Instance') -> None:
        """Report the pools in a thread, once a live migration has ended."""
        start_thread(
            destination.report_pools, self._scan, instance, self.shutdown
        )

    def _run(self, begun: operation.Operation) -> None:
        """Run an operation with an event of its server."""
        try:
            with _Event(begun):
                if self.shutdown.has_begun():
                    begun.refuse(
                        _('nova-compute is being stopped on its host.')
                    )
                begun.run()
        except BaseException as error:
            # It may not be wholly undone.
            self._on_failure(begun.server_uuid)
            if begun.accepted.done():
                raise
            begun.accepted.set_exception(error)
