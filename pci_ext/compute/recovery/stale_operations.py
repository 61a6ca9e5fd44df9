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

"""Find servers in an attach or detach whose operation does not run.

nova-api sets the task state of a server and then calls its compute host. If
nova-api ends between the two, or the call is lost, the task state stays.
While nova-api lives it gives up after its own timeout. The host refuses a call
that comes later still: the operation does not have the server any more.
"""

from collections.abc import Callable
import time

from nova import context as nova_context
from nova import objects
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import nova_compute

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: An operation is stale after this multiple of nova-api's timeout.
_TIMEOUTS = 2

#: The uuid of a server, and the id of the operation that has it.
Running = tuple[str, str]


class Monitor:
    """Measures how long operations have had the servers of a host.

    The time is measured here: the clocks of other hosts do not matter.

    :param compute: Nova's compute manager
    :param is_busy: tells of a server whether a thread here has it, or waits
        for it; not one that waits for the operation to end
    :param end: called with the server and the stale operation
    """

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        is_busy: Callable[[str], bool],
        end: Callable[[str, str], None],
    ) -> None:
        self._compute = compute
        self._is_busy = is_busy
        self._end = end
        # When each operation was first seen without a thread, in seconds.
        self._since: dict[Running, float] = {}

    def check(self, context: nova_context.RequestContext) -> None:
        """Check the servers once, and end the stale operations.

        Does nothing before Nova has scanned the devices of the host.
        """
        if self._compute.rt.pci_tracker is None:
            return
        now = time.monotonic()
        self._since = {
            found: self._since.get(found, now) for found in self._idle(context)
        }
        timeout = _TIMEOUTS * CONF.rpc_response_timeout
        for (server_uuid, operation_id), since in self._since.items():
            if now - since < timeout:
                LOG.debug(
                    'Operation %s has the server, but does not run here',
                    operation_id,
                    instance_uuid=server_uuid,
                )
                continue
            LOG.warning(
                'Operation %(operation)s has had the server for %(seconds)d '
                'seconds and does not run on this host; it is ended',
                {'operation': operation_id, 'seconds': now - since},
                instance_uuid=server_uuid,
            )
            self._end(server_uuid, operation_id)

    def _idle(self, context: nova_context.RequestContext) -> list[Running]:
        instances = objects.InstanceList.get_by_filters(
            context,
            {
                'host': self._compute.host,
                'task_state': list(server_state.TASK_STATES),
                'deleted': False,
            },
            expected_attrs=['system_metadata'],
        )
        return [
            (instance.uuid, server_state.operation_id(instance))
            for instance in instances
            if not self._is_busy(instance.uuid)
        ]
