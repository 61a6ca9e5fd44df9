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

"""Find the servers of a host to be recovered when nova-compute starts."""

import dataclasses

from nova import context as nova_context
from nova import objects

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.requests import instance_requests

_ATTRS = ['system_metadata', 'pci_requests']


@dataclasses.dataclass(frozen=True)
class Server:
    """A server with PCI devices, or with an operation on them.

    :ivar operation: id of the operation that has it; None if none has
    :ivar is_unfinished: whether its record says that something is to be done
    """

    uuid: str
    operation: str | None
    is_unfinished: bool


def find(context: nova_context.RequestContext, host: str) -> list[Server]:
    """Return the servers of a host with PCI devices or an operation.

    To be called before nova-compute serves new operations.
    """
    found = []
    for instance in objects.InstanceList.get_by_host(
        context, host, expected_attrs=_ATTRS
    ):
        has_state = any(
            key.startswith(server_state.PREFIX)
            for key in instance.system_metadata
        )
        has_operation = instance.task_state in server_state.TASK_STATES
        if (
            has_state
            or has_operation
            or instance_requests.list_requests(instance)
        ):
            found.append(
                Server(
                    instance.uuid,
                    server_state.operation_id(instance)
                    if has_operation
                    else None,
                    has_state
                    or has_operation
                    or bool(instance_devices.incomplete_requests(instance)),
                )
            )
    return found
