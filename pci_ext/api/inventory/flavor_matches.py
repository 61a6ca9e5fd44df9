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

"""Pools, compared with PCI flavors and requests as the scheduler does."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from nova import objects
from nova.pci import stats
from nova.pci import utils

from pci_ext.api.inventory import model
from pci_ext.matching import compiled_requests
from pci_ext.objects import pci_flavor
from pci_ext.requests import compiler


class Matches:
    """PCI flavors, to be compared with pools as the scheduler does.

    Equal pools are compared once.
    """

    def __init__(self, flavors: Iterable[pci_flavor.PciFlavor]) -> None:
        self._names: list[str] = []
        items = []
        for flavor in sorted(flavors, key=lambda each: each.name):
            self._names.append(flavor.name)
            items.append(compiled_requests.compile_request(1, [flavor.specs]))
        self._requirements = compiled_requests.CompiledRequests(items)
        self._found: dict[frozenset[tuple[str, Any]], list[str]] = {}

    def names(self, pool: Mapping[str, Any]) -> list[str]:
        """List the names of the PCI flavors that match a pool, sorted."""
        signature = frozenset(
            item for item in pool.items() if item[0] != 'count'
        )
        if signature not in self._found:
            self._found[signature] = [
                name
                for name, cost in zip(
                    self._names,
                    self._requirements.pool_costs(pool),
                    strict=True,
                )
                if cost is not None
            ]
        return self._found[signature]


def alternatives_of(
    request: 'objects.InstancePCIRequest | None',
    key: str = compiled_requests.PCI_FLAVOR,
) -> list[str]:
    """List the PCI flavors that a request has as its alternatives.

    :param key: PCI_FLAVOR for their names at the time of the request, or
        PCI_FLAVOR_UUID
    :returns: none for None and for a request by alias or name
    """
    return [
        item[key] for item in (request.spec if request else ()) if key in item
    ]


def alternative_taken(
    device: model.Device,
    request: 'objects.InstancePCIRequest | None',
    key: str = compiled_requests.PCI_FLAVOR,
) -> str | None:
    """Return the PCI flavor of the alternative that a device is.

    :param request: the device was claimed for it
    :param key: as of `alternatives_of`
    :returns: None if the request is not by PCI flavor, or its host groups
        its devices by other attributes now
    """
    found = alternatives_of(request, key)
    if len(found) < 2:
        return found[0] if found else None
    cost = compiler.compile_requests([request]).pool_costs(device.pool)[0]
    return None if cost is None else found[cost]


def can_serve(
    pool: Mapping[str, Any], request: 'objects.InstancePCIRequest'
) -> bool:
    """Tell whether a device of a pool can be claimed for a request.

    The request may be by PCI flavor or by name, or one of Nova's own, by alias
    or of a port. NUMA nodes are not compared.
    """
    if compiled_requests.is_by_pci_flavor(request.spec):
        (cost,) = compiler.compile_requests([request]).pool_costs(pool)
        return cost is not None
    ignored = stats.PciDeviceStats.ignored_spec_tags
    return bool(
        utils.pci_device_prop_match(
            pool,
            [
                {
                    key: value
                    for key, value in item.items()
                    if key not in ignored
                }
                for item in request.spec
            ],
        )
    )
