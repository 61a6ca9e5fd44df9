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

"""Nova's PCI requests of a server, compiled."""

from collections.abc import Sequence
import functools

from nova import objects

from pci_ext.matching import compiled_requests
from pci_ext.matching import request_grammar

Requests = Sequence['objects.InstancePCIRequest']


def any_by_pci_flavor(requests: Requests) -> bool:
    """Tell whether a server has requests by PCI flavor or by name."""
    return bool(list_by_pci_flavor(requests))


def list_by_pci_flavor(
    requests: Requests,
) -> 'list[objects.InstancePCIRequest]':
    """List the requests by PCI flavor or by name, without those of Nova."""
    return [
        request
        for request in requests
        if compiled_requests.is_by_pci_flavor(request.spec)
    ]


# Different requests remembered: as many Nova flavors with devices as a cloud
# has in use at a time.
_SERVERS = 64


@functools.lru_cache(maxsize=_SERVERS)
def _compile_key(
    key: tuple[tuple[int, tuple[tuple[tuple[str, str], ...], ...]], ...],
) -> compiled_requests.CompiledRequests:
    """Compile requests by their key; equal ones only once.

    :param key: for each request the number of devices, and the items of each
        dict of its spec
    """
    return compiled_requests.CompiledRequests(
        [
            compiled_requests.compile_request(
                count, [dict(item) for item in spec]
            )
            for count, spec in key
        ]
    )


def compile_requests(requests: Requests) -> compiled_requests.CompiledRequests:
    """Compile requests by PCI flavor or by name; equal ones only once."""
    return _compile_key(
        tuple(
            [
                (
                    request.count,
                    tuple(
                        [tuple(sorted(item.items())) for item in request.spec]
                    ),
                )
                for request in requests
            ]
        )
    )


def compile_request_spec(
    spec_obj: 'objects.RequestSpec',
) -> compiled_requests.CompiledRequests | None:
    """Compile the requests by PCI flavor or by name of a request spec.

    :returns: None if it has none
    """
    requests = _list_by_pci_flavor(spec_obj)
    return compile_requests(requests) if requests else None


def list_names(
    spec_obj: 'objects.RequestSpec',
) -> tuple[request_grammar.Request, ...]:
    """List the same requests by the names of their alternatives."""
    return tuple(
        request_grammar.Request(
            request.count,
            tuple(
                item.get(compiled_requests.PCI_FLAVOR)
                or item[compiled_requests.PCI_NAME]
                for item in request.spec
            ),
        )
        for request in _list_by_pci_flavor(spec_obj)
    )


def _list_by_pci_flavor(
    spec_obj: 'objects.RequestSpec',
) -> 'list[objects.InstancePCIRequest]':
    if not spec_obj.pci_requests:
        return []
    return list_by_pci_flavor(spec_obj.pci_requests.requests)
