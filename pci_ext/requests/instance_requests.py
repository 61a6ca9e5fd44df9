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

"""Reading the PCI requests of a server."""

from collections.abc import Iterable

from nova import objects

InstanceRequests = list['objects.InstancePCIRequest']


def list_requests(instance: 'objects.Instance') -> InstanceRequests:
    """List the requests of a server; a new list, empty if it has none."""
    if not instance.pci_requests:
        return []
    return list(instance.pci_requests.requests)


def list_without_ports(instance: 'objects.Instance') -> InstanceRequests:
    """List the requests of a server except those for its ports."""
    return [
        request
        for request in list_requests(instance)
        if not is_for_port(request)
    ]


def is_for_port(request: 'objects.InstancePCIRequest') -> bool:
    """Tell whether Nova made a request for a port."""
    return bool(request.source == objects.InstancePCIRequest.NEUTRON_PORT)


def by_id(
    requests: 'Iterable[objects.InstancePCIRequest]',
) -> 'dict[str, objects.InstancePCIRequest]':
    """Map requests by their ids; of two with the same id the last wins."""
    return {request.request_id: request for request in requests}
