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
"""Plugging of ports on a host with libvirt.

Nova plugs a port before the guest or the migration needs it on a host, and
unplugs it when the guest is destroyed or the port detached. The network of the
port is made and removed with it.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
from typing import Any

from nova import objects
from nova.network import model
from nova.pci import utils as pci_utils
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import vif as libvirt_vif
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext.requests import teaming
from pci_ext.virt import port_networks
from pci_ext.virt.libvirt import guest_interfaces
from pci_ext.virt.libvirt import network_xml

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class VifDriver(libvirt_vif.LibvirtGenericVIFDriver):
    """Nova's VIF driver, with networks of ports and pairs of ports."""

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
            # A hostdev, which is not an interface to libvirt.
            return found
        pairs = teaming.pairs(instance)
        if not (
            port_networks.may_have_network(vif)
            or vif['id'] in {*pairs, *pairs.values()}
        ):
            return found
        interface = guest_interfaces.Interface(found, vif['id'])
        if port_networks.needs_network(vif):
            interface.net_type = 'network'
            interface.network = port_networks.name_of(instance.uuid, vif['id'])
        interface.standby = pairs.get(vif['id'])
        interface.is_standby = vif['id'] in pairs.values()
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
        # Whatever port_plug is now.
        if vif['vnic_type'] in port_networks.VNIC_TYPES:
            self._try_to_remove(
                port_networks.name_of(instance.uuid, vif['id'])
            )
        super().unplug(instance, vif)

    def _make_network(
        self, instance: 'objects.Instance', vif: Mapping[str, Any]
    ) -> None:
        name = port_networks.name_of(instance.uuid, vif['id'])
        address = vif['profile']['pci_slot']
        xml = network_xml.describe(
            name,
            address,
            int(vif['details'].get(model.VIF_DETAILS_VLAN) or 0),
            interface=(
                pci_utils.get_ifname_by_pci_address(address)
                if vif['vnic_type'] == model.VNIC_TYPE_MACVTAP
                else None
            ),
        )
        connection = self.host.get_connection()
        with _if_exists():
            network = connection.networkLookupByName(name)
            if network_xml.are_alike(network.XMLDesc(0), xml):
                return
            # The port has another device or VLAN than before.
            network.destroy()
        LOG.info('Making network %s of %s', name, address, instance=instance)
        # Not defined: it does not outlive a restart of the host.
        connection.networkCreateXML(xml)

    def _try_to_remove(self, name: str) -> None:
        """Remove the network of a port, or leave it to nova-compute.

        A host need not have libvirt's network driver, and a network that stays
        does no harm.
        """
        try:
            self.remove_network(name)
        except driver.libvirt.libvirtError as error:
            _log_error('Network %s was not removed: %s', name, error)

    def networks(self) -> dict[str, str]:
        """Return by name the device address of each network of a port.

        Without libvirt's network driver there are none.
        """
        found = {}
        try:
            for network in self.host.get_connection().listAllNetworks(0):
                if port_networks.server_of(network.name()) is not None:
                    address = network_xml.address_in(network.XMLDesc(0))
                    found[network.name()] = address or ''
        except driver.libvirt.libvirtError as error:
            _log_error('libvirt does not list its networks: %s', error)
        return found

    def remove_network(self, name: str) -> None:
        """Remove the network of a port, if it exists."""
        with _if_exists():
            self.host.get_connection().networkLookupByName(name).destroy()
            LOG.info('Removed network %s', name)


def _log_error(text: str, *values: object) -> None:
    """Log a warning on a host whose ports have networks."""
    LOG.log(
        logging.WARNING
        if CONF.pci_ext.port_plug == 'network'
        else logging.DEBUG,
        text,
        *values,
    )


@contextlib.contextmanager
def _if_exists() -> Iterator[None]:
    """Ignore the error that a network does not exist."""
    libvirt = driver.libvirt
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_NETWORK:
            raise
