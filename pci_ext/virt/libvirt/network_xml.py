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

"""The libvirt network of one port, with the one device of that port.

The domain names the network and not the device, so its XML is the same on
every host (the original proposal of networks per device, 2014). libvirt takes
the device from the network; it has no choice.
"""

from lxml import etree
from nova.pci import utils as pci_utils

_NAMESPACE = 'https://docs.openstack.org/pci_ext/network/1.0'
_DEVICE = f'{{{_NAMESPACE}}}device'


def address_in(xml: str) -> str | None:
    """Return the PCI address of the device of a network of ours."""
    device = etree.fromstring(xml).find(f'metadata/{_DEVICE}')
    return None if device is None else device.get('address')


def are_alike(xml: str, other: str) -> bool:
    """Return whether two networks give a guest the same device and VLAN.

    libvirt adds to the description of a network that it has made.
    """
    return _essentials(xml) == _essentials(other)


def _essentials(xml: str) -> tuple[object, ...]:
    network = etree.fromstring(xml)
    return (
        address_in(xml),
        network.xpath('forward/@mode'),
        network.xpath('forward/interface/@dev'),
        network.xpath('vlan/tag/@id'),
    )


def describe(
    name: str, address: str, vlan: int = 0, interface: str | None = None
) -> str:
    """Describe a network (https://libvirt.org/formatnetwork.html).

    :param address: PCI address of the device
    :param vlan: VLAN tag of the port, 0 for none
    :param interface: name of the device as an interface of the host, for a
        macvtap on it; without it, the guest is given the device itself
    """
    network = etree.Element('network')
    etree.SubElement(network, 'name').text = name
    metadata = etree.SubElement(network, 'metadata')
    etree.SubElement(
        metadata, _DEVICE, nsmap={'pci_ext': _NAMESPACE}, address=address
    )
    if interface is not None:
        forward = etree.SubElement(network, 'forward', mode='passthrough')
        etree.SubElement(forward, 'interface', dev=interface)
    else:
        forward = etree.SubElement(
            network, 'forward', mode='hostdev', managed='yes'
        )
        domain, bus, slot, function = pci_utils.get_pci_address_fields(address)
        etree.SubElement(
            forward,
            'address',
            type='pci',
            domain=f'0x{domain}',
            bus=f'0x{bus}',
            slot=f'0x{slot}',
            function=f'0x{function}',
        )
        if vlan:
            tags = etree.SubElement(network, 'vlan')
            etree.SubElement(tags, 'tag', id=str(vlan))
    return str(etree.tostring(network, encoding='unicode'))
