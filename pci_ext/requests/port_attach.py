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

"""What a port asks for that is attached to a living server.

nova-api resolves the names of PCI flavors, and nova-compute makes the request
of the port. Nova's message between them has no room for more, but has the
server. So what the names were resolved to travels as one of the PCI requests
of the server there. nova-compute takes note of it, and reads those of the
server from the database.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import contextvars

from nova import objects
from oslo_utils import uuidutils

from pci_ext import server_state

#: A selector an alternative, without what the port itself needs.
Spec = list[dict[str, str]]

_asked: contextvars.ContextVar[Mapping[str, Spec] | None] = (
    contextvars.ContextVar('pci_ext_port_attach', default=None)
)


def add_to_message(
    instance: 'objects.Instance', port_id: str, spec: Spec
) -> None:
    """Let a server that is not saved after this tell what a port asks for."""
    instance.pci_requests.requests.append(
        objects.InstancePCIRequest(
            count=1,
            spec=spec,
            request_id=uuidutils.generate_uuid(),
            requester_id=f'{server_state.PORT}{port_id}',
        )
    )


def read_from_message(instance: 'objects.Instance') -> dict[str, Spec]:
    """Give what ports ask for by what came with a server."""
    requests = instance.pci_requests.requests if instance.pci_requests else ()
    return {
        request.requester_id.removeprefix(server_state.PORT): request.spec
        for request in requests
        if (request.requester_id or '').startswith(server_state.PORT)
    }


@contextlib.contextmanager
def use_specs(specs: Mapping[str, Spec]) -> Iterator[None]:
    """Ask for devices for ports in this thread.

    :param specs: what was sent, by port
    """
    token = _asked.set(specs)
    try:
        yield
    finally:
        _asked.reset(token)


def spec_of_port(port_id: str) -> Spec | None:
    """Give what a port asks for in this thread, if anything."""
    return (_asked.get() or {}).get(port_id)
