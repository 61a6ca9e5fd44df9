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

"""PCI devices that a guest has through an interface of the host.

The XML of a domain does not have their addresses: a macvtap interface names an
interface of the host, and a vDPA interface a character device. libvirt's node
devices tell the PCI devices of these.
"""

from collections.abc import Collection
from collections.abc import Iterable

from lxml import etree

from pci_ext.matching import addresses


def sources(xml: str) -> frozenset[str]:
    """Return the interfaces and character devices that a domain uses.

    :param xml: libvirt's description of the domain
    """
    return frozenset(
        str(source.get('dev'))
        for kind in ('direct', 'vdpa')
        for source in etree.fromstring(xml).iterfind(
            f"devices/interface[@type='{kind}']/source[@dev]"
        )
    )


def pci_addresses(
    names: Collection[str], node_devices: Iterable[str]
) -> frozenset[str]:
    """Return the addresses of the PCI devices of interfaces.

    :param names: of interfaces and character devices
    :param node_devices: libvirt's descriptions of all node devices that are
        interfaces or vDPA devices
    """
    found = set()
    for xml in node_devices:
        device = etree.fromstring(xml)
        own = {
            device.findtext("capability[@type='net']/interface"),
            device.findtext("capability[@type='vdpa']/chardev"),
        }
        address = addresses.address_of_node_device(
            device.findtext('parent', '')
        )
        if address is not None and not own.isdisjoint(names):
            found.add(address)
    return frozenset(found)
