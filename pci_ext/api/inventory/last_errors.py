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

"""What went wrong last with the devices of a server."""

from nova import exception as nova_exception
from nova import objects

from pci_ext import server_state


def by_address(instance: 'objects.Instance') -> dict[str, str]:
    """Tell what kept the devices of a server from being detached.

    A device that a guest did not let go of is known with the operation that
    was to take it out, until it is out. What failed is in the event of that
    operation.

    :param instance: with its system metadata
    :returns: by the address of the device; those that nothing went wrong
        with, or not yet, are missing
    """
    operations = server_state.PENDING_DETACH.get(instance)
    errors = {
        operation_id: _error_of(instance, operation_id)
        for operation_id in set(operations.values())
    }
    return {
        address: error
        for address, operation_id in operations.items()
        if (error := errors[operation_id])
    }


def _error_of(instance: 'objects.Instance', operation_id: str) -> str | None:
    context = instance._context
    try:
        action = objects.InstanceAction.get_by_request_id(
            context, instance.uuid, operation_id
        )
    except nova_exception.InstanceActionNotFound:
        return None
    # None where the records of actions were purged.
    if action is None:
        return None
    events = objects.InstanceActionEventList.get_by_action(context, action.id)
    # The newest comes first.
    return next((event.details for event in events if event.details), None)
