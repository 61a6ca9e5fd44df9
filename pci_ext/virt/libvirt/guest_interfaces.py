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

"""The interfaces of a guest: what Nova writes of them, and finds in a domain.

Nova compares the two by what both have, which is less than libvirt knows of an
interface that is of a network, or of one that stands in for another.
"""

import abc
from typing import Any

from lxml import etree
from nova.virt.libvirt import config as vconfig

#: Types that an interface of a network has while the guest runs.
_OF_DEVICES = ('hostdev', 'direct')


class Interface(vconfig.LibvirtConfigGuestInterface, metaclass=abc.ABCMeta):
    """An interface of a guest, in what Nova does not know.

    :param base: the same as Nova has it
    :ivar network: name of the libvirt network that it is of
    :ivar standby: id of the port that stands in for this one
    :ivar stands_in: whether it stands in for another
    """

    def __init__(
        self, base: vconfig.LibvirtConfigGuestInterface, port_id: str
    ) -> None:
        super().__init__()
        self.__dict__.update(base.__dict__)
        self.base = base
        self.port_id = port_id
        self.network: str | None = None
        self.standby: str | None = None
        self.stands_in = False

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        """Let Nova find it among the interfaces that a domain has.

        Nova looks for it among the objects of its class there, all of which
        are of the class that Nova reads an interface into.
        """
        return issubclass(other, vconfig.LibvirtConfigGuestInterface)

    def __eq__(self, other: object) -> bool:
        """Tell whether an interface in a domain is this one.

        It may have been plugged as another port_plug had it. One of a network
        is described by its device while the domain runs, and by its network,
        whose name Nova does not read, in the definition.
        """
        return bool(self.base == other) or (
            isinstance(other, vconfig.LibvirtConfigGuestInterface)
            and self.base.net_type in _OF_DEVICES
            and other.net_type == 'network'
            and self.mac_addr == other.mac_addr
        )

    # As in Nova.
    __hash__ = None  # type: ignore[assignment]

    def format_dom(self) -> Any:
        interface = super().format_dom()
        if self.network is not None:
            # Nova takes a source that it does not know for a bridge.
            interface.remove(interface.find('source'))
            etree.SubElement(interface, 'source', network=self.network)
        if self.stands_in:
            etree.SubElement(interface, 'teaming', type='persistent')
            etree.SubElement(interface, 'alias', name=_alias(self.port_id))
        elif self.standby is not None:
            etree.SubElement(
                interface,
                'teaming',
                type='transient',
                persistent=_alias(self.standby),
            )
        return interface


def _alias(port_id: str) -> str:
    # libvirt leaves to users what begins so.
    return f'ua-{port_id}'


class Described(vconfig.LibvirtConfigGuestInterface):
    """An interface in a domain, in the words of that domain.

    Nova names what libvirt is to take out by its MAC address, which two of a
    pair share, and cannot write one of a network.
    """

    def __init__(self, element: Any) -> None:
        super().__init__()
        self.element = element
        self.parse_dom(element)

    # As in Nova.
    __hash__ = None  # type: ignore[assignment]

    def format_dom(self) -> Any:
        return self.element


def describe(
    interface: vconfig.LibvirtConfigGuestInterface, domain: str
) -> Described | None:
    """Find an interface that Nova found in a domain in the XML of that.

    :param domain: the XML
    """
    for element in etree.fromstring(domain).iterfind('devices/interface'):
        described = Described(element)
        if described == interface and _where(described) == _where(interface):
            return described
    return None


def _where(interface: vconfig.LibvirtConfigGuestInterface) -> str | None:
    """Give the address that an interface has in the guest."""
    address = interface.device_addr
    return None if address is None else address.format_address()
