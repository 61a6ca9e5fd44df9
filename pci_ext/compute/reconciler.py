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

"""Bring to an end what nova-compute was doing when it was killed.

What is claimed, what is recorded and what the domain of a server has are
compared. An attach is finished if all its devices are in the guest, else
undone; a detach is finished if the guest lets go of all devices, else undone.
Nothing is freed that a domain holds.
"""

import contextlib
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext import exception
from pci_ext.compute import attach
from pci_ext.compute import condemned
from pci_ext.compute import detach
from pci_ext.compute import detached
from pci_ext.compute import interrupted
from pci_ext.compute import late
from pci_ext.compute import notifications
from pci_ext.compute import operation
from pci_ext.compute import records
from pci_ext.integration import task_states

LOG = logging.getLogger(__name__)

_ATTRS = ['system_metadata', 'pci_requests']


def find(context: nova_context.RequestContext, host: str) -> list[str]:
    """Give the servers of a host that were left in an operation.

    To be called before nova-compute serves new ones.
    """
    instances = objects.InstanceList.get_by_host(
        context, host, expected_attrs=_ATTRS
    )
    return [
        instance.uuid
        for instance in instances
        if instance.task_state in task_states.ALL
        or condemned.addresses(instance)
        or records.unfinished(instance)
        or detached.request_ids(instance)
    ]


def reconcile(
    compute: Any, server_uuid: str
) -> nova_context.RequestContext | None:
    """Bring the operation that a server was left in to its end.

    To be called with the lock of the server held.

    :param compute: Nova's compute manager, with its devices tracked
    :returns: the context of a live migration that took devices out of the
        guest, which are to be attached again
    """
    context = nova_context.get_admin_context()
    try:
        instance = objects.Instance.get_by_uuid(
            context, server_uuid, expected_attrs=_ATTRS
        )
    except nova_exception.InstanceNotFound:
        LOG.info('Server %s is gone: nothing to reconcile', server_uuid)
        return None
    if instance.host != compute.host:
        return None
    attaching = _by_operation(records.unfinished(instance))
    for requests in attaching:
        _end_attach(compute, instance, requests)
    if instance.task_state == task_states.DETACHING_PCI:
        _end_detach(compute, instance)
    elif instance.task_state == task_states.ATTACHING_PCI and not attaching:
        _end_attach_without_requests(compute, instance)
    late.release(compute, context, server_uuid)
    migration = detached.operation_of(instance)
    if migration is None:
        return None
    interrupted.release_claims(compute, context, instance)
    return _context_of(migration)


def _by_operation(requests: records.Requests) -> list[records.Requests]:
    found: dict[str, records.Requests] = {}
    for request in requests:
        found.setdefault(request.requester_id, []).append(request)
    return list(found.values())


def _context_of(operation_id: str) -> nova_context.RequestContext:
    """Give a context by which Nova finds the action of an operation."""
    context = nova_context.get_admin_context()
    context.request_id = operation_id
    return context


def _end_attach(
    compute: Any, instance: 'objects.Instance', requests: records.Requests
) -> None:
    operation_id = records.operation_of(requests[0])
    context = _context_of(operation_id)
    task = attach.Attach(
        compute, context, instance.uuid, operation_id, requests
    )
    if task.resume():
        _decided(task, 'all devices are attached')
    else:
        _decided(task, 'undone: not all devices were attached', failed=True)


def _end_detach(compute: Any, instance: 'objects.Instance') -> None:
    operation_id = instance.system_metadata.get(operation.OPERATION, '')
    context = _context_of(operation_id)
    task = detach.Detach(compute, context, instance.uuid, operation_id, [])
    try:
        task.resume()
        _decided(task, 'all devices are detached')
    except exception.PciDeviceNotUnplugged as error:
        _decided(task, f'undone: {error.format_message()}', failed=True)


def _end_attach_without_requests(
    compute: Any, instance: 'objects.Instance'
) -> None:
    """End an attach that had not recorded anything, or had done all."""
    operation_id = instance.system_metadata.get(operation.OPERATION, '')
    context = _context_of(operation_id)
    task = attach.Attach(compute, context, instance.uuid, operation_id, [])
    task.give_back()
    _decided(task, 'nothing was left to do or to undo')


def _decided(
    task: operation.Operation, decision: str, failed: bool = False
) -> None:
    """Log a decision, and put it into the event that was left unfinished."""
    LOG.info(
        'The interrupted %s of %s was reconciled: %s',
        task.name,
        task.operation_id,
        decision,
        instance=task.instance,
    )
    values: dict[str, Any] = {}
    error = None
    if failed:
        error = exception.PciExtException(
            f'nova-compute was restarted; {decision}'
        )
        values['exc_val'] = error
        # Without a traceback an event is a success for Nova.
        values['exc_tb'] = 'interrupted'
    # An event may not have been begun.
    with contextlib.suppress(
        nova_exception.InstanceActionNotFound,
        nova_exception.InstanceActionEventNotFound,
    ):
        objects.InstanceActionEvent.event_finish_with_failure(
            task.context,
            task.server_uuid,
            f'compute_{task.name}',
            want_result=False,
            **values,
        )
    # Without a subject it is not known what was announced, if anything.
    subject = task.subject()
    if subject.requests or subject.devices:
        task.notify(
            notifications.ERROR if failed else notifications.END, error
        )
