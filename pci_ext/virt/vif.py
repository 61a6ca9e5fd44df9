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
"""How ports are plugged on a host with libvirt.

Nova plugs a port before the guest or the migration needs it on a host, and
unplugs it when the guest is gone or has lost the port: these are the times at
which the network of the port is made and removed.
"""

from collections.abc import Mapping
from typing import Any

from lxml import etree
from nova import objects
from nova.network import model
from nova.pci import utils as pci_utils
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import vif as libvirt_vif
from oslo_log import log as logging

from pci_ext.integration import teaming
from pci_ext.virt import port_networks

LOG = logging.getLogger(__name__)


class Interface(vconfig.LibvirtConfigGuestInterface):
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
        self.port_id = port_id
        self.network: str | None = None
        self.standby: str | None = None
        self.stands_in = False

    def __eq__(self, other: object) -> bool:
        """Tell whether an interface in a domain is this one.

        One of a network is described by its device while the domain runs.
        """
        if self.network is None:
            return bool(super().__eq__(other))
        return (
            isinstance(other, vconfig.LibvirtConfigGuestInterface)
            and self.mac_addr == other.mac_addr
            and other.net_type in ('network', 'hostdev', 'direct')
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


class VifDriver(libvirt_vif.LibvirtGenericVIFDriver):
    """Nova's, with networks of ports and pairs of ports."""

    def get_config(
        self,
        instance: 'objects.Instance',
        vif: Mapping[str, Any],
        image_meta: Any,
        flavor: 'objects.Flavor',
        virt_type: str,
    ) -> Any:
        found = super().get_config(
            instance, vif, image_meta, flavor, virt_type
        )
        if not isinstance(found, vconfig.LibvirtConfigGuestInterface):
            # A physical function, which is not an interface to libvirt.
            return found
        interface = Interface(found, vif['id'])
        if port_networks.needs_network(vif):
            interface.net_type = 'network'
            interface.network = port_networks.name_of(instance.uuid, vif['id'])
        pairs = teaming.pairs(instance)
        interface.standby = pairs.get(vif['id'])
        interface.stands_in = vif['id'] in pairs.values()
        return interface

    def plug(
        self, instance: 'objects.Instance', vif: Mapping[str, Any]
    ) -> None:
        super().plug(instance, vif)
        if port_networks.needs_network(vif):
            self._make_network(instance, vif)

    def unplug(
        self, instance: 'objects.Instance', vif: Mapping[str, Any]
    ) -> None:
        # Whatever is configured by now.
        self.remove_network(port_networks.name_of(instance.uuid, vif['id']))
        super().unplug(instance, vif)

    def _make_network(
        self, instance: 'objects.Instance', vif: Mapping[str, Any]
    ) -> None:
        name = port_networks.name_of(instance.uuid, vif['id'])
        address = vif['profile']['pci_slot']
        if self.networks().get(name) == address:
            return
        # The port has another device than the last time.
        self.remove_network(name)
        xml = port_networks.network_xml(
            name,
            address,
            int(vif['details'].get(model.VIF_DETAILS_VLAN) or 0),
            interface=(
                pci_utils.get_ifname_by_pci_address(address)
                if vif['vnic_type'] == model.VNIC_TYPE_MACVTAP
                else None
            ),
        )
        LOG.info('Making network %s of %s', name, address, instance=instance)
        # Not defined: it is not to be there when the host is started again.
        self.host.get_connection().networkCreateXML(xml)

    def networks(self) -> dict[str, str]:
        """Give the networks of ports on this host by name, and the device."""
        found = {}
        for network in self.host.get_connection().listAllNetworks(0):
            if port_networks.server_of(network.name()) is not None:
                address = port_networks.address_in(network.XMLDesc(0))
                found[network.name()] = address or ''
        return found

    def remove_network(self, name: str) -> None:
        """Remove the network of a port, if there is one."""
        libvirt = driver.libvirt
        try:
            network = self.host.get_connection().networkLookupByName(name)
            network.destroy()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_NETWORK:
                raise
        else:
            LOG.info('Removed network %s', name)
