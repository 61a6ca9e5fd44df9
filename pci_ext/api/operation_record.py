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

"""The record of an operation with its server, before the host is called."""

from typing import Any

from nova import exception as nova_exception
from nova.compute import vm_states
from oslo_log import log as logging
from oslo_utils import excutils

from pci_ext import server_state
from pci_ext.api.quota import usage

LOG = logging.getLogger(__name__)

#: States of servers whose devices can be changed.
VM_STATES = [vm_states.ACTIVE, vm_states.PAUSED, vm_states.STOPPED]


def begin(
    instance: Any,
    action: str,
    task_state: str,
    operation_id: str,
    devices: usage.Usage,
) -> None:
    """Set the task state of a server, its operation and its reservation.

    :param devices: requested devices, counted in the quota from now on
    :raises nova.exception.InstanceInvalidState: if it has a task state
    """
    instance.task_state = task_state
    try:
        instance.save(expected_vm_state=VM_STATES, expected_task_state=[None])
        try:
            _record(instance, task_state, operation_id, devices)
        except nova_exception.InstanceUpdateConflict:
            raise
        except Exception:
            with excutils.save_and_reraise_exception():
                _try_to_release(instance, task_state, operation_id)
    except nova_exception.InstanceUpdateConflict as error:
        instance.refresh()
        attr = 'task_state' if instance.task_state else 'vm_state'
        raise nova_exception.InstanceInvalidState(
            attr=attr,
            instance_uuid=instance.uuid,
            state=getattr(instance, attr),
            method=action,
        ) from error


def _record(
    instance: Any, task_state: str, operation_id: str, devices: usage.Usage
) -> None:
    """Record the operation and its reservation.

    :raises nova.exception.UnexpectedTaskStateError: if a delete has replaced
        the task state
    """
    # Only now no other process writes these, and earlier values may be old.
    instance.refresh()
    instance.system_metadata[server_state.OPERATION] = operation_id
    server_state.reserve(instance, devices)
    instance.save(expected_task_state=[task_state])


def _try_to_release(instance: Any, task_state: str, operation_id: str) -> None:
    """Reset the task state of a server whose operation is not recorded."""
    try:
        # The save that failed may have been committed.
        instance.refresh()
        _release(instance, task_state, operation_id)
    except Exception:
        LOG.exception(
            'The server keeps its task state until its host finds that the '
            'operation does not run',
            instance=instance,
        )


def _release(instance: Any, task_state: str, operation_id: str) -> None:
    instance.task_state = None
    if server_state.operation_id(instance) == operation_id:
        del instance.system_metadata[server_state.OPERATION]
    server_state.release_reservation(instance)
    try:
        instance.save(expected_task_state=[task_state])
    except nova_exception.UnexpectedTaskStateError:
        LOG.info('Another task has the server', instance=instance)


def cancel(instance: Any, task_state: str, operation_id: str) -> None:
    """Reset the task state of a server whose host does not answer.

    The host undoes the operation if it starts it later.
    """
    instance.refresh()
    if server_state.operation_id(instance) == operation_id:
        _release(instance, task_state, operation_id)
