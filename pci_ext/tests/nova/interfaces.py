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

"""The interfaces of guests in Nova's fake libvirt, as in libvirt.

Nova's fake libvirt has no networks, and finds an interface by its MAC address
only. It has one XML of a domain. libvirt has two: the definition, and the live
XML of the running guest.
"""

from collections.abc import Callable
import copy
from typing import Any

import fixtures
from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt

from pci_ext.tests import libvirt_networks

#: As in libvirt.
VIR_ERR_NO_SUPPORT = 3
VIR_ERR_SYSTEM_ERROR = 38

_OF_A_NETWORK = 'forward/address'


class Networks(libvirt_networks.Networks, fixtures.Fixture):
    """The networks of a host, for the connection of Nova's fake libvirt."""

    def _setUp(self) -> None:
        code = libvirt_networks.VIR_ERR_NO_NETWORK
        for place, name, value in (
            (fakelibvirt, 'VIR_ERR_NO_NETWORK', code),
            (fakelibvirt.Connection, 'listAllNetworks', self.listAllNetworks),
            (
                fakelibvirt.Connection,
                'networkLookupByName',
                self.networkLookupByName,
            ),
            (
                fakelibvirt.Connection,
                'networkCreateXML',
                self.networkCreateXML,
            ),
        ):
            self.useFixture(
                fixtures.MockPatchObject(place, name, value, create=True)
            )


class Interfaces(fixtures.Fixture):
    """The interfaces of guests.

    :param networks: the networks of the host
    :param removed: called with the uuid of a domain and the alias of an
        interface after the guest has released the interface
    """

    def __init__(
        self, networks: Networks, removed: Callable[[str, str], None]
    ) -> None:
        super().__init__()
        self.networks = networks.networks
        self.removed = removed

    def _setUp(self) -> None:
        fixture = self

        class Domain(_Domain):
            networks = fixture.networks
            removed = staticmethod(fixture.removed)

        self.useFixture(
            fixtures.MockPatchObject(fakelibvirt, 'Domain', Domain)
        )


class _Domain(fakelibvirt.Domain):
    networks: dict[str, libvirt_networks.Network]
    removed: Callable[[str, str], None]

    def __init__(self, connection: Any, xml: str, **kwargs: Any) -> None:
        document = etree.fromstring(xml)
        interfaces = document.findall('devices/interface')
        for interface in interfaces:
            interface.getparent().remove(interface)
        super().__init__(
            connection, etree.tostring(document).decode(), **kwargs
        )
        self._slot = 0
        self._defined: list[Any] = []
        self._running: list[Any] = []
        for interface in interfaces:
            self._add(interface)

    def _add(self, interface: Any) -> None:
        self._slot += 1
        if interface.find('address') is None:
            etree.SubElement(
                interface,
                'address',
                type='pci',
                domain='0x0000',
                bus='0x00',
                slot=f'0x{self._slot:02x}',
                function='0x0',
            )
        running = copy.deepcopy(interface)
        if running.find('alias') is None:
            etree.SubElement(running, 'alias', name=f'net{self._slot}')
        if running.get('type') == 'network':
            # The live XML has the device of the network instead.
            [source] = running.findall('source')
            network = etree.fromstring(
                self.networks[source.get('network')].XMLDesc(0)
            )
            running.set('type', network.find('forward').get('mode'))
            del source.attrib['network']
            source.append(network.find(_OF_A_NETWORK))
        self._defined.append(interface)
        self._running.append(running)

    def XMLDesc(self, flags: int) -> str:
        document = etree.fromstring(super().XMLDesc(flags))
        document.find('devices').extend(
            copy.deepcopy(
                self._defined
                if flags & fakelibvirt.VIR_DOMAIN_XML_INACTIVE
                else self._running
            )
        )
        return etree.tostring(document).decode()

    def attachDevice(self, xml: str) -> Any:
        if not xml.startswith('<interface'):
            return super().attachDevice(xml)
        return self._add(etree.fromstring(xml))

    def detachDeviceFlags(self, xml: str, flags: int) -> None:
        if not xml.startswith('<interface'):
            super().detachDeviceFlags(xml, flags)
            return
        requested = etree.fromstring(xml)
        if flags & fakelibvirt.VIR_DOMAIN_AFFECT_CONFIG:
            self._defined.remove(_find(self._defined, requested))
        if flags & fakelibvirt.VIR_DOMAIN_AFFECT_LIVE:
            found = _find(self._running, requested)
            self._running.remove(found)
            self.removed(self.UUIDString(), found.find('alias').get('name'))


def _find(interfaces: list[Any], requested: Any) -> Any:
    """Find an interface by MAC and PCI address, as virDomainNetFindIdx."""
    found = [
        interface
        for interface in interfaces
        if _attributes(interface, 'mac') == _attributes(requested, 'mac')
        and _attributes(requested, 'address')
        in (None, _attributes(interface, 'address'))
    ]
    if not found:
        raise libvirt_networks.libvirt_error(
            'no such device', fakelibvirt.VIR_ERR_DEVICE_MISSING
        )
    if len(found) > 1:
        raise libvirt_networks.libvirt_error(
            'multiple devices matching MAC address',
            fakelibvirt.VIR_ERR_OPERATION_FAILED,
        )
    return found[0]


def _attributes(interface: Any, name: str) -> dict[str, str] | None:
    element = interface.find(name)
    return None if element is None else dict(element.attrib)
