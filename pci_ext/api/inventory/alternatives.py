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

"""Which alternative of a request a device is."""

from nova import objects

from pci_ext.api.inventory import reader
from pci_ext.matching import compiled_requests
from pci_ext.requests import compiler


def names_of(request: 'objects.InstancePCIRequest | None') -> list[str]:
    """Name the PCI flavors that a request has as its alternatives.

    :param request: None gives none, like one by alias or name
    """
    return [
        item[compiled_requests.PCI_FLAVOR]
        for item in (request.spec if request else ())
        if compiled_requests.PCI_FLAVOR in item
    ]


def chosen(
    device: reader.Device, request: 'objects.InstancePCIRequest | None'
) -> str | None:
    """Name the alternative that a device is.

    :param request: what the device was claimed for
    :returns: None if it was not asked for by PCI flavor, or its host has
        come to group its devices by other attributes
    """
    names = names_of(request)
    if len(names) < 2:
        return names[0] if names else None
    price = compiler.compile_requests([request]).prices(device.pool)[0]
    return None if price is None else names[price]
