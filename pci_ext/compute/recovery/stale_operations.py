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

"""Find operations that have a server, and that nobody works at.

nova-api takes a server for an operation and then calls its compute host. If
it ends between the two, or the call is lost, nobody gives the server back.
While nova-api lives it gives up after its own timeout, and a call that comes
later still is refused by the host: the server is not the operation's then.
"""

from collections.abc import Callable
import time
from typing import Any

from nova import context as nova_context
from nova import objects
from oslo_config import cfg
from oslo_log import log as logging
from oslo_service import periodic_task

from pci_ext import server_state

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: How many times as long as nova-api waits for a host it is waited here.
_PATIENCE = 2

#: An operation on a server: the uuid of the server, the id of the operation.
Taken = tuple[str, str]


class Watch:
    """Looks, again and again, at who has the servers of a host.

    How long an operation has been seen is measured here: the clocks of other
    hosts do not matter.

    :param host: the host, as Nova names it
    :param is_busy: tells of a server whether something works at it here
    :param end: called with the server and the operation that was lost
    """

    def __init__(
        self,
        host: str,
        is_busy: Callable[[str], bool],
        end: Callable[[str, str], None],
    ) -> None:
        self._host = host
        self._is_busy = is_busy
        self._end = end
        # By what was seen, when it was first seen idle.
        self._since: dict[Taken, float] = {}

    def look(self, context: nova_context.RequestContext) -> None:
        """Look once, and end what was seen for too long."""
        now = time.monotonic()
        self._since = {
            taken: self._since.get(taken, now) for taken in self._idle(context)
        }
        patience = _PATIENCE * CONF.rpc_response_timeout
        for (server_uuid, operation_id), since in self._since.items():
            if now - since < patience:
                LOG.debug(
                    'Operation %s has the server, and is not known here',
                    operation_id,
                    instance_uuid=server_uuid,
                )
                continue
            LOG.warning(
                'Operation %(operation)s has had the server for %(seconds)d '
                'seconds, and is not known here: it is taken for lost',
                {'operation': operation_id, 'seconds': now - since},
                instance_uuid=server_uuid,
            )
            self._end(server_uuid, operation_id)

    def _idle(self, context: nova_context.RequestContext) -> list[Taken]:
        instances = objects.InstanceList.get_by_filters(
            context,
            {
                'host': self._host,
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


#: Managers whose periodic tasks include ours: Nova keeps these with the class.
_scheduled: set[type] = set()


def schedule(compute: Any) -> None:
    """Let Nova look by its periodic tasks.

    :param compute: Nova's compute manager
    """
    if type(compute) not in _scheduled:
        _scheduled.add(type(compute))
        compute.add_periodic_task(
            periodic_task.periodic_task(
                spacing=CONF.rpc_response_timeout, name='end_lost_pci_actions'
            )(_look)
        )


def _look(compute: Any, context: nova_context.RequestContext) -> None:
    compute.driver.end_lost_pci_actions(context)
