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

"""PCI devices and root ports in the XML of a libvirt domain."""

from collections.abc import Collection
from typing import Any

from lxml import etree

from pci_ext.matching import addresses


def _integer(element: Any, name: str) -> int:
    # libvirt writes addresses in hexadecimal and indexes in decimal.
    return int(element.get(name, '0'), 0)


def address(element: Any) -> str:
    """Return the PCI address in the attributes of an element."""
    return addresses.format_address(
        tuple(
            _integer(element, name)
            for name in ('domain', 'bus', 'slot', 'function')
        )
    )


def hostdev_addresses(xml: str) -> frozenset[str]:
    """Return the addresses, on the host, of the PCI devices of a domain.

    The devices of ports are interfaces, and not among them.

    :param xml: libvirt's description of the domain
    """
    found = etree.fromstring(xml).iterfind(
        "devices/hostdev[@type='pci']/source/address"
    )
    return frozenset(map(address, found))


def without_hostdevs(xml: str, excluded: Collection[str]) -> str:
    """Remove PCI devices from the XML of a domain.

    :param excluded: their addresses on the host
    """
    domain = etree.fromstring(xml)
    found = [
        (devices, hostdev)
        for devices in domain.iterfind('devices')
        for hostdev in devices.iterfind("hostdev[@type='pci']")
        if (source := hostdev.find('source/address')) is not None
        and address(source) in excluded
    ]
    if not found:
        return xml
    for devices, hostdev in found:
        devices.remove(hostdev)
    return str(etree.tostring(domain, encoding='unicode'))


def all_addresses(xml: str) -> frozenset[str]:
    """Return the addresses, on the host, of all PCI devices of a domain.

    The devices of ports are among them.

    :param xml: libvirt's description of the domain
    """
    ports = etree.fromstring(xml).iterfind(
        "devices/interface[@type='hostdev']/source/address"
    )
    return hostdev_addresses(xml) | frozenset(map(address, ports))


def guest_addresses(xml: str) -> dict[str, str]:
    """Return by address on the host the addresses of devices in a guest.

    Leaves out devices to which libvirt has not assigned one yet.

    :param xml: libvirt's description of the domain
    """
    found = {}
    for hostdev in etree.fromstring(xml).iterfind(
        "devices/hostdev[@type='pci']"
    ):
        source = hostdev.find('source/address')
        place = hostdev.find("address[@type='pci']")
        if source is not None and place is not None:
            found[address(source)] = address(place)
    return found


def free_root_ports(xml: str) -> int | None:
    """Count the free PCIe root ports of a domain.

    On a PCI Express machine a device is hot-plugged into a root port of its
    own, and no root port can be added to a running domain (libvirt, "PCI
    topology and hotplug").

    :param xml: libvirt's description of the running domain
    :returns: None for a machine that is not PCI Express
    """
    domain = etree.fromstring(xml)
    controllers = domain.findall("devices/controller[@type='pci']")
    if all(each.get('model') != 'pcie-root' for each in controllers):
        return None
    ports = {
        _integer(each, 'index')
        for each in controllers
        if each.get('model') == 'pcie-root-port'
    }
    # A child of the device: the address below source is one on the host.
    taken = {
        _integer(each, 'bus')
        for each in domain.iterfind("devices/*/address[@type='pci']")
    }
    return len(ports - taken)
