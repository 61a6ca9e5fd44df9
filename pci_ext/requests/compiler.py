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

"""What a server asks for: Nova's PCI requests, compiled."""

from collections.abc import Sequence
import functools

from nova import objects

from pci_ext.matching import compiled_requests

Requests = Sequence['objects.InstancePCIRequest']


def any_by_pci_flavor(requests: Requests) -> bool:
    """Tell whether a server has requests by PCI flavor or by name."""
    return any(
        compiled_requests.is_by_pci_flavor(request.spec)
        for request in requests
    )


@functools.lru_cache(maxsize=16)
def _compile_key(
    key: tuple[tuple[int, tuple[tuple[tuple[str, str], ...], ...]], ...],
) -> compiled_requests.CompiledRequests:
    """Compile what was made a key; the same only once.

    :param key: for each request how many devices, and the items of each dict
        of its spec
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
    """Compile requests by PCI flavor or by name; the same only once."""
    return _compile_key(
        tuple(
            (
                request.count,
                tuple(tuple(sorted(item.items())) for item in request.spec),
            )
            for request in requests
        )
    )
