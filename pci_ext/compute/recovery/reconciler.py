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

"""End operations that were interrupted by the end of nova-compute, or lost.

A lost operation has the server, but nova-compute was never called. The claims,
the requests and the devices in the guest are compared. An attach is completed
if all its devices are in the guest, else undone; a detach is completed if the
guest releases all its devices, else undone. No device in a guest is freed.
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
from pci_ext.compute.operations import server_task
from pci_ext.compute.recovery import interrupted_migrations
from pci_ext.compute.recovery import late_detach

LOG = logging.getLogger(__name__)

_RESTARTED = 'nova-compute was restarted'
_LOST = (
    'the operation was lost: the compute host was not called in time, or '
    'could not end it'
)

_ATTRS = ['system_metadata', 'pci_requests']


def find(context: nova_context.RequestContext, host: str) -> list[str]:
    """Return the servers of a host to reconcile.

    To be called before nova-compute serves new operations.
    """
    instances = objects.InstanceList.get_by_host(
        context, host, expected_attrs=_ATTRS
    )
    migrating = interrupted_migrations.find_servers(context, host)
    return [
        instance.uuid
        for instance in instances
        if instance.task_state in server_state.TASK_STATES
        or instance.uuid in migrating
        or server_state.pending_detach(instance)
        or instance_devices.incomplete_requests(instance)
        or server_state.pending_reattach(instance)
    ]


def reconcile_stale(
    compute: nova_compute.ComputeManager, server_uuid: str, operation_id: str
) -> nova_context.RequestContext | None:
    """End a stale operation, as :func:`reconcile` does.

    Does nothing if the operation does not have the server any more.
    """
    instance = server_task.find_instance(
        nova_context.get_admin_context(), server_uuid
    )
    if instance is None:
        return None
    if (
        instance.task_state not in server_state.TASK_STATES
        or server_state.operation_id(instance) != operation_id
    ):
        LOG.info('The operation has ended meanwhile', instance=instance)
        return None
    return reconcile(compute, server_uuid, _LOST)


def reconcile(
    compute: nova_compute.ComputeManager,
    server_uuid: str,
    cause: str = _RESTARTED,
) -> nova_context.RequestContext | None:
    """End the operation that has a server.

    To be called with the instance lock held, after Nova has scanned the
    devices.

    :param cause: the reason of the interruption, for the user
    :returns: the context of a live migration whose devices are to be
        reattached; None if there are none
    """
    context = nova_context.get_admin_context()
    instance = server_task.find_instance(context, server_uuid)
    if instance is None:
        LOG.info('Server %s is deleted: nothing to reconcile', server_uuid)
        return None
    if instance.host != compute.host:
        return None
    attaching = _by_operation(instance_devices.incomplete_requests(instance))
    for requests in attaching:
        _end_attach(compute, instance, requests, cause)
    if instance.task_state == server_state.DETACHING_PCI:
        _end_detach(compute, instance, cause)
    elif instance.task_state == server_state.ATTACHING_PCI and not attaching:
        _end_attach_without_requests(compute, instance, cause)
    late_detach.free_released(compute, context, server_uuid)
    interrupted_migrations.release_claims(compute, context, server_uuid)
    migration = server_state.reattach_operation(instance)
    return None if migration is None else _context_of(migration)


def _by_operation(
    requests: instance_devices.Requests,
) -> list[instance_devices.Requests]:
    found: dict[str, instance_devices.Requests] = {}
    for request in requests:
        found.setdefault(request.requester_id, []).append(request)
    return list(found.values())


def _context_of(operation_id: str) -> nova_context.RequestContext:
    """Return a context with which Nova finds the action of an operation."""
    context = nova_context.get_admin_context()
    context.request_id = operation_id
    return context


def _end_attach(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    requests: instance_devices.Requests,
    cause: str,
) -> None:
    operation_id = instance_devices.attach_operation(requests[0])
    context = _context_of(operation_id)
    task = attach.Attach(
        compute, context, instance.uuid, operation_id, requests
    )
    if task.resume():
        _decided(task, 'all devices are attached')
    else:
        _decided(task, 'undone: not all devices were attached', cause)


def _end_detach(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    cause: str,
) -> None:
    operation_id = server_state.operation_id(instance)
    context = _context_of(operation_id)
    task = detach.Detach(compute, context, instance.uuid, operation_id, [])
    try:
        if task.resume():
            _decided(task, 'all devices are detached')
        else:
            _decided(task, 'undone: no device was detached yet', cause)
    except exception.PciDetachFailed as error:
        _decided(task, f'undone: {error.format_message()}', cause)


def _end_attach_without_requests(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    cause: str,
) -> None:
    """End an attach that had recorded nothing yet, or was completed."""
    operation_id = server_state.operation_id(instance)
    context = _context_of(operation_id)
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
        'The interrupted %s of %s was reconciled: %s',
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
    # The action of a live migration has not ended.
    if action == task.name:
        _end_event(task, error)
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
