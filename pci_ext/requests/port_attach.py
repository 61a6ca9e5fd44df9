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

"""PCI flavors of a port that is attached to a running server.

nova-api resolves the names of PCI flavors, and nova-compute makes the request
of the port. Nova's message between them has no parameter for the resolved
PCI flavors, but carries the server. So they travel as one of the PCI requests
of the server in that message. nova-compute reads them there, and reads the
server's own requests from the database.
"""

from collections.abc import Mapping
import contextlib

from nova import objects
from oslo_utils import uuidutils

from pci_ext import server_state
from pci_ext.requests import call_arguments
from pci_ext.requests import instance_requests


def add_port_spec(
    instance: 'objects.Instance', port_id: str, spec: call_arguments.PortSpec
) -> None:
    """Add the spec of a port to the PCI requests that are sent with a server.

    The caller must not save the server afterwards.
    """
    instance.pci_requests.requests.append(
        objects.InstancePCIRequest(
            count=1,
            spec=spec,
            request_id=uuidutils.generate_uuid(),
            requester_id=f'{server_state.PORT}{port_id}',
        )
    )


def read_port_specs(
    instance: 'objects.Instance',
) -> dict[str, call_arguments.PortSpec]:
    """Read the specs of ports, by port, that were sent with a server."""
    return {
        request.requester_id.removeprefix(server_state.PORT): request.spec
        for request in instance_requests.list_requests(instance)
        if (request.requester_id or '').startswith(server_state.PORT)
    }


def passing_port_specs(
    port_specs: Mapping[str, call_arguments.PortSpec],
) -> contextlib.AbstractContextManager[None]:
    """Request devices for ports in this thread.

    :param port_specs: by the id of the port, as they were sent
    """
    return call_arguments.passing(port_specs=port_specs)


def port_spec(port_id: str) -> call_arguments.PortSpec | None:
    """Return the spec of a port that is attached in this thread."""
    return (call_arguments.current().port_specs or {}).get(port_id)
