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

"""End operations that were interrupted by the end of nova-compute, or stale.

A stale operation has the server, but nova-compute was never called, or could
not undo what it had begun.
"""

import contextlib
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import utils as compute_utils
from oslo_log import log as logging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import attach
from pci_ext.compute.operations import detach
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import reattach

LOG = logging.getLogger(__name__)


def context_of(operation_id: str) -> nova_context.RequestContext:
    """Return a context with which Nova finds the action of an operation."""
    context = nova_context.get_admin_context()
    context.request_id = operation_id
    return context


def complete_attach(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    operation_id: str,
    cause: str,
) -> None:
    """Record the success of an attach whose devices are all attached."""
    task = _attach(compute, instance, operation_id)
    task.complete()
    _decided(task, 'all devices are attached')


def undo_attach(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    operation_id: str,
    cause: str,
) -> None:
    """Free the devices of an attach that is not completed."""
    task = _attach(compute, instance, operation_id)
    had_server = task.is_current(instance)
    with task.held():
        task.undo()
    if had_server:
        _decided(task, 'undone: not all devices were attached', cause)


def _attach(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    operation_id: str,
) -> attach.Attach:
    requests = [
        request
        for request in instance_devices.incomplete_requests(instance)
        if instance_devices.attach_operation(request) == operation_id
    ]
    return attach.Attach(
        compute,
        context_of(operation_id),
        instance.uuid,
        operation_id,
        requests,
    )


def resume_detach(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    operation_id: str,
    cause: str,
) -> None:
    """Detach the devices of a detach once more, or undo it."""
    task = detach.Detach(
        compute, context_of(operation_id), instance.uuid, operation_id, []
    )
    try:
        if task.resume():
            _decided(task, 'all devices are detached')
        else:
            _decided(task, 'undone: no device was detached yet', cause)
    except exception.PciDetachFailed as error:
        _decided(task, f'undone: {error.format_message()}', cause)


def end_without_devices(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    operation_id: str,
    cause: str,
) -> None:
    """End an attach that had recorded nothing yet, or was completed."""
    context = context_of(operation_id)
    if _action(context, instance.uuid) not in (None, attach.Attach.name):
        again = reattach.Reattach(
            compute, context, instance.uuid, operation_id
        )
        again.reload()
        again.release_server()
        _decided(again, 'missing devices will be tried again', cause)
        return
    task = attach.Attach(compute, context, instance.uuid, operation_id, [])
    task.reload()
    task.release_server()
    if task.is_completed():
        _decided(task, 'all devices are attached')
    else:
        _decided(task, 'undone: no device was attached yet', cause)


def end_event(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    operation_id: str,
    cause: str,
) -> None:
    """End the event of an operation that has released the server.

    nova-compute was killed before the event was ended, or after.
    """
    context = context_of(operation_id)
    action = _action(context, instance.uuid)
    task: operation.Operation
    owner = (compute, context, instance.uuid, operation_id)
    if action == attach.Attach.name:
        task = attach.Attach(*owner, [])
    elif action == detach.Detach.name:
        task = detach.Detach(*owner, [])
    else:
        task = reattach.Reattach(*owner)
    task.reload()
    ended = task.events_ended()
    # A reattach may be of an action of Nova.
    is_own = action == task.name
    if any(ended) or not (is_own or ended):
        task.forget()
    elif (
        task.is_completed()
        if is_own
        else not server_state.pending_reattach(task.instance)
    ):
        _decided(task, 'its outcome was recorded')
    else:
        _decided(task, 'undone before', cause)


def _action(
    context: nova_context.RequestContext, server_uuid: str
) -> str | None:
    """Return the name of the action of a context; None if unknown."""
    found = objects.InstanceAction.get_by_request_id(
        context, server_uuid, context.request_id
    )
    return str(found.action) if found else None


def _decided(
    task: operation.Operation, decision: str, failure: str | None = None
) -> None:
    """Log a decision, and end the event of the operation with it.

    :param failure: the reason of the failure; None for a success
    """
    LOG.info(
        'The interrupted %s of %s was ended: %s',
        task.name,
        task.operation_id,
        decision,
        instance=task.instance,
    )
    error = None
    if failure:
        error = exception.PciExtException(f'{failure}; {decision}')
    action = _action(task.context, task.server_uuid)
    if action is None and task.operation_id:
        # nova-api was killed before it recorded the action.
        objects.InstanceAction.action_start(
            task.context, task.server_uuid, task.name, want_result=False
        )
        action = task.name
    # An action of Nova has an event of a reattach, or none.
    if action == task.name or not all(task.events_ended()):
        _end_event(task, error)
    task.forget()
    # Without a subject it is unknown whether the start was announced.
    subject = task.subject()
    if subject.requests or subject.devices:
        task.notify(
            action_notifications.ERROR
            if failure
            else action_notifications.END,
            error,
        )


def _end_event(task: operation.Operation, error: Exception | None) -> None:
    values: dict[str, Any] = {}
    if error is not None:
        # Without a traceback an event is a success for Nova.
        values = {'exc_val': error, 'exc_tb': 'interrupted'}
    try:
        objects.InstanceActionEvent.event_finish_with_failure(
            task.context,
            task.server_uuid,
            f'compute_{task.name}',
            want_result=False,
            **values,
        )
    except nova_exception.InstanceActionEventNotFound:
        # It may begin later: Nova cannot distinguish two events of one name.
        with (
            contextlib.suppress(exception.PciExtException),
            compute_utils.EventReporter(
                task.context,
                f'compute_end_{task.name}',
                task.compute.host,
                task.server_uuid,
            ),
        ):
            if error is not None:
                raise error from None
