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

"""The interfaces of a guest, with the attributes that Nova does not have.

Nova compares an interface that it writes with those of a domain. It does not
know the network of an interface, nor the failover pair (libvirt's teaming).
"""

import abc
from typing import Any

from lxml import etree
from nova.virt.libvirt import config as vconfig

#: Types of an interface with a network while the guest runs.
_OF_DEVICES = ('hostdev', 'direct')


class Interface(vconfig.LibvirtConfigGuestInterface, metaclass=abc.ABCMeta):
    """An interface of a guest, with its network and its failover pair.

    :param base: the interface, as Nova writes it
    :ivar network: name of its libvirt network
    :ivar standby: id of the port that replaces this one when it is detached
    :ivar is_standby: whether it replaces another
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
        self.is_standby = False

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        """Take the interfaces that Nova reads from a domain for this class.

        Nova searches a domain for objects of the class of the interface.
        """
        return issubclass(other, vconfig.LibvirtConfigGuestInterface)

    def __eq__(self, other: object) -> bool:
        """Return whether an interface in a domain is this one.

        It may have been plugged with another port_plug. libvirt describes an
        interface with a network by its device while the domain runs. In the
        definition it has its network, whose name Nova does not read.
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
            # Nova writes an unknown source as a bridge.
            interface.remove(interface.find('source'))
            etree.SubElement(interface, 'source', network=self.network)
        if self.is_standby:
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
    # libvirt leaves aliases with this prefix to users.
    return f'ua-{port_id}'


class DomainInterface(vconfig.LibvirtConfigGuestInterface):
    """An interface in a domain, with its XML in that domain.

    Nova identifies an interface to detach by its MAC address, which both of a
    pair have, and cannot write one with a network.
    """

    def __init__(self, element: Any) -> None:
        super().__init__()
        self.element = element
        self.parse_dom(element)

    # As in Nova.
    __hash__ = None  # type: ignore[assignment]

    def format_dom(self) -> Any:
        return self.element


def find(
    interface: vconfig.LibvirtConfigGuestInterface, domain: str
) -> DomainInterface | None:
    """Return an interface of a domain with its XML.

    :param domain: XML of the domain
    :returns: None if the domain does not have it
    """
    for element in etree.fromstring(domain).iterfind('devices/interface'):
        candidate = DomainInterface(element)
        if candidate == interface and _guest_address(
            candidate
        ) == _guest_address(interface):
            return candidate
    return None


def _guest_address(
    interface: vconfig.LibvirtConfigGuestInterface,
) -> str | None:
    """Return the address of an interface in the guest."""
    address = interface.device_addr
    return None if address is None else address.format_address()
