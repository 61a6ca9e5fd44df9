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

"""How well a host serves the PCI flavors that a server asks for."""

from typing import Any

from nova import objects

from pci_ext.matching import compiled_requests
from pci_ext.matching import request_grammar
from pci_ext.requests import compiler


def compiled(
    spec_obj: 'objects.RequestSpec',
) -> compiled_requests.CompiledRequests | None:
    """Compile what a server asks for by PCI flavor or by name.

    :returns: None if the server asks for nothing in these ways
    """
    requests = _requests_of(spec_obj)
    return compiler.compile_requests(requests) if requests else None


def names(
    spec_obj: 'objects.RequestSpec',
) -> tuple[request_grammar.Request, ...]:
    """Give the same by the names of the alternatives, for messages."""
    return tuple(
        request_grammar.Request(
            request.count,
            tuple(
                item.get(compiled_requests.PCI_FLAVOR)
                or item[compiled_requests.PCI_NAME]
                for item in request.spec
            ),
        )
        for request in _requests_of(spec_obj)
    )


def _requests_of(
    spec_obj: 'objects.RequestSpec',
) -> 'list[objects.InstancePCIRequest]':
    if not spec_obj.pci_requests:
        return []
    return [
        request
        for request in spec_obj.pci_requests.requests
        if compiled_requests.is_by_pci_flavor(request.spec)
    ]


def pools_of(host_state: Any) -> list[dict[str, Any]]:
    """Give the pools of a host, none if it never reported any."""
    return host_state.pci_stats.pools if host_state.pci_stats else []
