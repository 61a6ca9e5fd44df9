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

"""IOMMU groups in libvirt's descriptions of node devices.

An IOMMU cannot isolate the devices of a group from each other. The kernel
gives a group to a guest only if the host uses none of its devices
(Documentation of the kernel, "VFIO - Virtual Function I/O").
"""

from collections.abc import Callable
from collections.abc import Collection
import dataclasses
import re

from lxml import etree

from pci_ext.i18n import _
from pci_ext.matching import addresses
from pci_ext.virt.libvirt import domain_xml

#: Drivers that do not use their device for the host.
_HARMLESS = re.compile('pci-stub|vfio-pci|.*[_-]vfio[_-]pci')

#: Capabilities of devices with the header of a bridge, which belong to the
#: fabric. The class does not tell: a bridge to ISA has an ordinary header,
#: and the kernel counts it.
_BRIDGES = ('pci-bridge', 'cardbus-bridge')


@dataclasses.dataclass(frozen=True)
class Group:
    """An IOMMU group.

    :ivar number: the kernel's number of the group
    :ivar addresses: the addresses of all its devices, bridges too
    """

    number: int
    addresses: frozenset[str]


def group_of(xml: str) -> Group | None:
    """Return the group of a device.

    :param xml: libvirt's description of the node device
    :returns: None where no IOMMU is in use
    """
    found = etree.fromstring(xml).find("capability[@type='pci']/iommuGroup")
    if found is None:
        return None
    return Group(
        int(found.get('number', ''), 0),
        frozenset(map(domain_xml.address, found.iterfind('address'))),
    )


def host_driver(xml: str) -> str | None:
    """Return the driver by which the host uses a device.

    :param xml: libvirt's description of the node device
    :returns: None if the host does not use it, or if it is a bridge
    """
    device = etree.fromstring(xml)
    driver = device.findtext('driver/name')
    is_bridge = any(
        each.get('type') in _BRIDGES
        for each in device.iterfind('capability/capability')
    )
    if not driver or _HARMLESS.fullmatch(driver) or is_bridge:
        return None
    return driver


def conflict(
    address: str, together: Collection[str], describe: Callable[[str], str]
) -> str | None:
    """Return the reason why a device cannot be attached for its group.

    :param address: the address of the device
    :param together: addresses of all devices of the guest
    :param describe: returns libvirt's description of a device by its name
    :returns: None if it can be attached
    """
    group = group_of(describe(addresses.node_device_name(address)))
    if group is None:
        return None
    drivers = {
        other: host_driver(describe(addresses.node_device_name(other)))
        for other in sorted(group.addresses.difference(together))
    }
    used = [f'{other} ({name})' for other, name in drivers.items() if name]
    if not used:
        return None
    return _(
        'it shares IOMMU group %(number)d with %(members)s, which the host '
        'uses.'
    ) % {'number': group.number, 'members': ', '.join(used)}
