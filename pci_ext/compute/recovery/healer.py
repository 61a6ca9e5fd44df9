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

"""Heal a server: observe it, decide, and do what was decided."""

import dataclasses
import enum

from nova import context as nova_context
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import reattach
from pci_ext.compute.operations import server_task
from pci_ext.compute.recovery import decision
from pci_ext.compute.recovery import healing_actions
from pci_ext.compute.recovery import interrupted_operations
from pci_ext.compute.recovery import late_detach
from pci_ext.compute.recovery import observation

LOG = logging.getLogger(__name__)

#: An action may lead to a state in which another is due, but not for ever.
_MAX_PASSES = 4


class Cause(enum.Enum):
    """The reason for which an operation did not end, for the user."""

    RESTARTED = 'nova-compute was restarted'
    STALE = (
        'the operation did not run on the compute host: it was not called in '
        'time, or could not end the operation'
    )
    FAILED = 'the operation failed, and could not be undone at once'


_END = {
    healing_actions.CompleteAttach: interrupted_operations.complete_attach,
    healing_actions.UndoAttach: interrupted_operations.undo_attach,
    healing_actions.ResumeDetach: interrupted_operations.resume_detach,
    healing_actions.EndOperation: interrupted_operations.end_without_devices,
    healing_actions.EndEvent: interrupted_operations.end_event,
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of healing a server.

    :ivar is_healthy: whether nothing remains to be done; if not, the server
        is to be healed again later
    :ivar reattach: context of the operation whose devices are to be
        reattached; None if there are none
    """

    is_healthy: bool
    reattach: nova_context.RequestContext | None = None


class Healer:
    """Heals one server, with the instance lock held.

    Nova has to have scanned the devices.

    :param stale_operation: id of an operation that does not run any more
    :param cause: the reason for which it did not end
    """

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        server_uuid: str,
        stale_operation: str | None = None,
        cause: Cause = Cause.FAILED,
    ) -> None:
        self._compute = compute
        self._context = nova_context.get_admin_context()
        self._server_uuid = server_uuid
        self._stale_operation = stale_operation
        self._cause = cause

    def heal(self) -> Outcome:
        """Do what is due, until nothing is or it cannot be done now."""
        for _ in range(_MAX_PASSES):
            state = observation.observe(
                self._compute,
                self._context,
                self._server_uuid,
                self._stale_operation,
                # A start of nova-compute is worth another attempt.
                retry_failed=self._cause is Cause.RESTARTED,
            )
            if state is None:
                return Outcome(True)
            actions = decision.decide(state)
            due = [
                each
                for each in actions
                if not isinstance(each, healing_actions.PASSIVE)
            ]
            if not due:
                return self._conclude(actions)
            failed = [each for each in due if not self._try_to_do(each)]
            if failed:
                break
        return Outcome(False)

    def _conclude(self, actions: list[healing_actions.Action]) -> Outcome:
        """Log the differences that remain."""
        is_healthy = True
        context = None
        for action in actions:
            if isinstance(action, healing_actions.Wait):
                is_healthy = False
                LOG.debug(
                    'The PCI devices are looked at again later: %s',
                    action.reason,
                    instance_uuid=self._server_uuid,
                )
            elif isinstance(action, healing_actions.Report):
                LOG.error(
                    '%(text)s: %(addresses)s',
                    {
                        'text': action.text,
                        'addresses': ', '.join(sorted(action.addresses)),
                    },
                    instance_uuid=self._server_uuid,
                )
            elif isinstance(action, healing_actions.Reattach):
                context = (
                    interrupted_operations.context_of(action.operation)
                    if action.operation
                    else reattach.start_action(self._server_uuid)
                )
        return Outcome(is_healthy, context)

    def _try_to_do(self, action: healing_actions.Action) -> bool:
        """Do an action; log a failure, so that the others are done too."""
        LOG.info(
            'Healing the PCI devices of the server: %s',
            action,
            instance_uuid=self._server_uuid,
        )
        try:
            self._do(action)
        except server_task.ServerNotIdle as error:
            LOG.info(
                '%s: healing is tried again later',
                error,
                instance_uuid=self._server_uuid,
            )
            return False
        except Exception:
            LOG.exception(
                'Healing the PCI devices of the server failed, and is tried '
                'again later',
                instance_uuid=self._server_uuid,
            )
            return False
        return True

    def _do(self, action: healing_actions.Action) -> None:
        match action:
            case healing_actions.Free(addresses):
                late_detach.LateDetach(
                    self._compute, self._context, self._server_uuid, ''
                ).free_released(addresses)
            case healing_actions.Ending(operation):
                self._end(action, operation)
            case _:
                self._record(action)

    def _end(self, action: healing_actions.Ending, operation: str) -> None:
        instance = server_task.find_instance(self._context, self._server_uuid)
        if instance is not None:
            _END[type(action)](
                self._compute, instance, operation, self._cause.value
            )

    def _record(self, action: healing_actions.Action) -> None:
        """Correct the records of a server that Nova does not have."""
        task = server_task.ServerTask(
            self._compute, self._context, self._server_uuid, ''
        )
        with task.held():
            match action:
                case healing_actions.ClearPendingDetach(addresses):
                    marks = server_state.pending_detaches(task.instance)
                    task.sync_requests(
                        {marks[address].request_id for address in addresses}
                    )
                    server_state.PENDING_DETACH.remove(
                        task.instance, addresses
                    )
                case healing_actions.SyncRequests(request_ids):
                    task.sync_requests(set(request_ids))
                case healing_actions.Allocate():
                    task.rt.allocate_pci_devices_for_instance(
                        self._context, task.instance
                    )
                case healing_actions.ClearPendingReattach():
                    server_state.record_reattach(
                        task.instance, {}, server_state.FAILED
                    )
