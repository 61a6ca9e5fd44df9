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

"""The PCI flavors under which devices count in the quota of a project.

A device that was requested by PCI flavor counts under the alternative that it
is. A request by alias, by name or of a port can name no PCI flavor: a device
of such a request counts under each PCI flavor that it matches, so that a limit
holds for devices however they are requested.
"""

from collections.abc import Collection
from collections.abc import Iterable
import itertools

from nova import objects

from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import model
from pci_ext.matching import compiled_requests
from pci_ext.objects import pci_flavor

Requests = Iterable['objects.InstancePCIRequest']


class CountedFlavors:
    """PCI flavors under which devices count.

    :param flavors: those that are compared with the devices of requests that
        name none. Others count too where a request names them
    """

    def __init__(self, flavors: Collection[pci_flavor.PciFlavor]) -> None:
        self._matches = flavor_matches.Matches(flavors)
        self._uuids = {flavor.name: flavor.uuid for flavor in flavors}

    def of_device(
        self,
        device: model.Device,
        request: 'objects.InstancePCIRequest | None',
    ) -> list[str]:
        """List the uuids of the PCI flavors that a device counts under.

        :param request: the device was claimed for it; None if none is on
            record
        """
        taken = flavor_matches.alternative_taken(
            device, request, compiled_requests.PCI_FLAVOR_UUID
        )
        if taken:
            return [taken]
        # A device of an unknown alternative counts as each of them.
        return _named_in(request) or [
            self._uuids[name] for name in self._matches.names(device.pool)
        ]

    def needs_groups(self, requests: Requests) -> bool:
        """Tell whether `of_request` needs the devices of hosts for these."""
        return bool(self._uuids) and named_by_all(requests) is None

    def of_request(
        self,
        request: 'objects.InstancePCIRequest',
        groups: Iterable[model.DeviceGroup],
    ) -> list[str]:
        """List the uuids of the PCI flavors that a request counts under.

        :param groups: devices that the request may be given one of
        """
        return _named_in(request) or sorted(
            {
                self._uuids[name]
                for group in groups
                if flavor_matches.can_serve(group.pool, request)
                for name in self._matches.names(group.pool)
            }
        )


def named_by_all(requests: Requests) -> frozenset[str] | None:
    """Return the uuids of the PCI flavors that requests name.

    :returns: None if not all of them name any
    """
    named = [_named_in(request) for request in requests]
    return frozenset(itertools.chain(*named)) if all(named) else None


def _named_in(request: 'objects.InstancePCIRequest | None') -> list[str]:
    return flavor_matches.alternatives_of(
        request, compiled_requests.PCI_FLAVOR_UUID
    )
