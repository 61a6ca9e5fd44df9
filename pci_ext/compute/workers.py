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

"""The threads that work at servers of this host."""

from collections.abc import Callable
import threading

from nova import context as nova_context
from nova import utils
from oslo_log import log as logging

from pci_ext.compute import nova_compute
from pci_ext.compute.operations import reattach_retry

LOG = logging.getLogger(__name__)


class Workers:
    """Who works at which server.

    :param compute: Nova's compute manager
    """

    def __init__(self, compute: nova_compute.ComputeManager) -> None:
        self._compute = compute
        # Servers whose guests somebody is attaching devices to again.
        self._persisting: set[str] = set()
        # Servers that a thread works at or waits for, once for each.
        self._working: list[str] = []

    def is_busy(self, server_uuid: str) -> bool:
        """Tell whether a thread works at a server, or will."""
        return server_uuid in self._working or server_uuid in self._persisting

    def start(
        self,
        server_uuid: str,
        function: Callable[[], nova_context.RequestContext | None],
    ) -> None:
        """Run a function in a thread, and then attach what it left out.

        :param function: called with the lock that Nova takes too; gives the
            context to attach by, None if all is there
        """

        def run() -> None:
            try:
                context = utils.synchronized(server_uuid)(function)()
                if context is not None:
                    self.persist(context, server_uuid)
            except Exception:
                LOG.exception(
                    'An operation on the PCI devices of server %s failed',
                    server_uuid,
                )
            finally:
                self._working.remove(server_uuid)

        self._working.append(server_uuid)
        threading.Thread(target=run, daemon=True).start()

    def persist(
        self, context: nova_context.RequestContext, server_uuid: str
    ) -> None:
        """Begin to attach what the guest of a server lacks."""

        def run() -> None:
            try:
                reattach_retry.attach_again(
                    self._compute, context, server_uuid
                )
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
