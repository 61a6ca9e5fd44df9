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

"""Base of attach, detach and reattach: the operations that nova-api starts."""

import abc
from collections.abc import Iterator
from concurrent import futures
import contextlib

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states
from oslo_log import log as logging
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import server_task
from pci_ext.i18n import _

LOG = logging.getLogger(__name__)

_DELETING = (task_states.DELETING, task_states.SOFT_DELETING)


class Operation(server_task.ServerTask, abc.ABC):
    """An operation on the PCI devices of a server on this host.

    nova-api sets the task state of the server and the id of the operation, and
    then calls the host. The operation releases the server at its end.

    :ivar accepted: done once the operation is certain to be possible; has the
        exception if it is not
    :cvar name: the name of its instance action
    :cvar task_state: the task state of the server during the operation
    """

    name = ''
    task_state = ''

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        context: nova_context.RequestContext,
        server_uuid: str,
        operation_id: str,
    ) -> None:
        super().__init__(compute, context, server_uuid, operation_id)
        self.accepted: futures.Future[None] = futures.Future()
        self._announced = False

    @abc.abstractmethod
    def run(self) -> None:
        """Run the operation.

        :raises PciActionRefused: if it is not possible, before it is accepted
        """

    @abc.abstractmethod
    def subject(self) -> action_notifications.Subject:
        """Return the requests and devices that notifications name."""

    def accept(self) -> None:
        """Let nova-api know that the operation is possible."""
        self.accepted.set_result(None)

    def refuse(self, reason: str) -> None:
        """Release the server from an operation that does not begin.

        :raises PciActionRefused: always
        """
        self.reload()
        self.release_server()
        raise exception.PciActionRefused(reason=reason)

    def load(self) -> None:
        """Load the server, and check that this operation has it.

        nova-api may have given up, or nova-compute may have been stopped when
        nova-api called.

        :raises PciActionRefused: if another operation or task has it
        """
        self.reload()
        self._check_current(self.instance)

    def _check_current(self, instance: 'objects.Instance') -> None:
        if self.is_current(instance):
            return
        reason = _('The operation was given up.')
        if instance.task_state not in (None, self.task_state):
            reason = _(
                'The operation was given up: the server is in task state '
                '%(task_state)s.'
            ) % {'task_state': instance.task_state}
        raise exception.PciActionRefused(reason=reason)

    def is_current(self, instance: 'objects.Instance') -> bool:
        """Return whether this operation has the server."""
        return (
            instance.host == self.compute.host
            and instance.task_state == self.task_state
            and server_state.operation_id(instance) == self.operation_id
        )

    def mark_completed(self) -> None:
        """Record, for recovery after a crash, that the devices are done."""
        self.instance.system_metadata[server_state.COMPLETED] = (
            self.operation_id
        )
        self.instance.save()

    def clear_completed(self) -> None:
        """Remove the record of :meth:`mark_completed`."""
        # Another copy: the server may have been released.
        instance = self._read()
        if (
            instance.system_metadata.pop(server_state.COMPLETED, None)
            is not None
        ):
            instance.save()

    def is_deleting(self) -> bool:
        """Return whether Nova deletes the server, and waits for its lock.

        The guest is destroyed and its devices are freed then: it is not asked
        for them before, for which it may take minutes. If the delete fails,
        recovery undoes the operation.
        """
        try:
            instance = server_task.find_instance(
                self.context, self.server_uuid
            )
        except Exception:
            LOG.exception('The operation is undone', instance=self.instance)
            return False
        return instance is None or instance.task_state in _DELETING

    def is_completed(self) -> bool:
        """Return whether only the outcome remains to be recorded."""
        completed = self.instance.system_metadata.get(server_state.COMPLETED)
        return bool(completed == self.operation_id)

    def finish(self) -> None:
        """Release the server; its event is still to be ended.

        :raises PciActionRefused: or nova.exception.UnexpectedTaskStateError,
            if another operation or task has it
        """
        # Another copy: undoing a failed step saves self.instance without this.
        instance = self._read()
        self._check_current(instance)
        instance.task_state = None
        server_state.release_reservation(instance)
        instance.save(expected_task_state=[self.task_state])

    def release_server(self) -> None:
        """Release the server, if this operation still has it."""
        if self.is_current(self._read()):
            try:
                self.finish()
            except nova_exception.UnexpectedTaskStateError:
                LOG.info('Another task has the server', instance=self.instance)

    def forget(self) -> None:
        """Forget the operation, once its event is ended.

        A server that still has the id tells of an event that is not ended.
        """
        while True:
            instance = server_task.find_instance(
                self.context, self.server_uuid
            )
            if (
                instance is None
                or instance.task_state in server_state.TASK_STATES
                or server_state.operation_id(instance) != self.operation_id
            ):
                return
            for key in (server_state.OPERATION, server_state.COMPLETED):
                instance.system_metadata.pop(key, None)
            # The server is released: nova-api may record the next operation
            # at any time, whose id is not to be removed.
            try:
                instance.save(expected_task_state=[instance.task_state])
            except nova_exception.UnexpectedTaskStateError:
                continue
            return

    def events_ended(self) -> list[bool]:
        """Return whether each event of the operation is ended."""
        action = objects.InstanceAction.get_by_request_id(
            self.context, self.server_uuid, self.operation_id
        )
        if action is None:
            return []
        return [
            event.finish_time is not None
            for event in objects.InstanceActionEventList.get_by_action(
                self.context, action.id
            )
            if event.event == f'compute_{self.name}'
        ]

    def announce(self) -> None:
        """Send the notification of the start."""
        self._announced = True
        self.notify(action_notifications.START)

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Notify of the end or error, if the start was notified of."""
        try:
            yield
        except Exception as error:
            with excutils.save_and_reraise_exception():
                if self._announced:
                    self.notify(action_notifications.ERROR, error)
        self.notify(action_notifications.END)
