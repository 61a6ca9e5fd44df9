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

"""Seam: the devices of a server that Placement chooses.

With ``[filter_scheduler] pci_in_placement`` Nova asks Placement for one device
of one resource class for each device of an alias, and refuses a request with
alternatives. For a request by PCI flavor the filter chooses the host, and the
host the devices.
"""

from nova import objects
from nova.objects import request_spec

from pci_ext.activation import seam
from pci_ext.matching import compiled_requests

_original = request_spec.RequestSpec.generate_request_groups_from_pci_requests


def generate_request_groups_from_pci_requests(
    self: 'objects.RequestSpec',
) -> None:
    """Add the groups of the requests that are not by PCI flavor or name."""
    whole = self.pci_requests if 'pci_requests' in self else None
    if not whole:
        _original(self)
        return
    self.pci_requests = objects.InstancePCIRequests(
        requests=[
            request
            for request in whole.requests
            if not compiled_requests.is_by_pci_flavor(request.spec)
        ],
    )
    try:
        _original(self)
    finally:
        self.pci_requests = whole


SEAM = seam.Seam(
    module='nova.objects.request_spec',
    name='RequestSpec.generate_request_groups_from_pci_requests',
    replacement=generate_request_groups_from_pci_requests,
    signatures={'': ('self',)},
)
