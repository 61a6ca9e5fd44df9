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

"""Attach and detach of ports with the libvirt driver."""

import copy
from typing import Any

from lxml import etree
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.libvirt import base
from nova.virt.libvirt import event as libvirtevent
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.tests import libvirt_networks
from pci_ext.tests.nova import interfaces
from pci_ext.tests.nova import test_libvirt

_HOST = 'compute1'


class PortsTestCase(test_libvirt.LibvirtTestCase):
    """One server with an ordinary port and a port with a VF."""

    PORT_PLUG: str
    image: str | None = None

    def setUp(self) -> None:
        super().setUp()
        self.flags(group='pci_ext', port_plug=self.PORT_PLUG)
        self.neutron = self.useFixture(base.LibvirtNeutronFixture(self))
        # Allocated devices at each release of an interface.
        self.allocated_at_release: list[set[str]] = []
        self.useFixture(interfaces.Interfaces(self.networks, self.removed))
        self.start_compute(
            hostname=_HOST,
            pci_info=fakelibvirt.HostPCIDevicesInfo(
                num_pci=0, num_pfs=1, num_vfs=2
            ),
        )
        network = copy.deepcopy(self.neutron.network_4)
        network['provider:physical_network'] = 'X'
        self.neutron._networks[network['id']] = network
        self.ordinary = self.add_port(self.neutron.network_1_port_2)
        self.vf = self.add_port(
            self.neutron.network_4_port_1,
            **{'binding:profile': {'pci_flavor': 'function'}},
        )
        self.server: dict[str, Any] = {}

    def add_port(self, port: dict[str, Any], **values: Any) -> dict[str, Any]:
        added: dict[str, Any] = {
            **copy.deepcopy(port),
            'tenant_id': self.neutron.tenant_id,
            'admin_state_up': True,
            **values,
        }
        self.neutron._ports[added['id']] = added
        return added

    def boot_with_ports(self) -> None:
        self.server = self._create_server(
            networks=[
                {'port': self.ordinary['id']},
                {'port': self.vf['id']},
            ],
            image_uuid=self.image,
        )
        self.assertEqual(
            [self.ordinary['mac_address'], self.vf['mac_address']],
            self.macs(0),
        )
        self.assertEqual(self.macs(0), self.macs(2))
        for flags in (0, 2):
            self.assertEqual(
                ['persistent', 'transient'] if self.image else [],
                [
                    teaming.get('type')
                    for interface in self.interfaces(flags)
                    for teaming in interface.findall('teaming')
                ],
            )
        self.assertEqual('hostdev', self.types(0)[-1])
        self.assertEqual(self.PORT_PLUG, self.types(2)[-1])
        self.assertEqual(1, len(self.devices_of(self.server)))

    def allocated(self, server_uuid: str) -> set[str]:
        devices = objects.PciDeviceList.get_by_instance_uuid(
            self.ctxt, server_uuid
        )
        return {device.address for device in devices}

    def removed(self, server_uuid: str, alias: str) -> None:
        self.allocated_at_release.append(self.allocated(server_uuid))
        self.computes[_HOST].driver.emit_event(
            libvirtevent.DeviceRemovedEvent(server_uuid, alias)
        )

    def interfaces(self, flags: int) -> list[Any]:
        connection = self.computes[_HOST].driver._host.get_connection()
        domain = connection.lookupByUUIDString(self.server['id'])
        found: list[Any] = etree.fromstring(domain.XMLDesc(flags)).findall(
            'devices/interface'
        )
        return found

    def macs(self, flags: int) -> list[str]:
        """Return the MAC addresses in a domain.

        :param flags: 0 for the live XML, 2 for the definition
        """
        return [
            each.find('mac').get('address') for each in self.interfaces(flags)
        ]

    def types(self, flags: int) -> list[str]:
        return [each.get('type') for each in self.interfaces(flags)]

    def remove_port(self, port: dict[str, Any]) -> None:
        self._detach_interface(self.server, port['id'])


class _PortTests:
    """Tests for each value of port_plug."""

    def test_detaches_the_ordinary_port(self) -> None:
        self.boot_with_ports()
        devices = self.devices_of(self.server)
        remaining = self.types(0)[1:], self.types(2)[1:]
        self.remove_port(self.ordinary)
        self.assertEqual(remaining, (self.types(0), self.types(2)))
        self.assertEqual(devices, self.devices_of(self.server))

    def test_detaches_the_port_with_a_vf(self) -> None:
        self.boot_with_ports()
        devices = self.devices_of(self.server)
        remaining = self.types(0)[:1], self.types(2)[:1]
        self.remove_port(self.vf)
        self.assertEqual(remaining, (self.types(0), self.types(2)))
        # The VF is freed after the guest has released it.
        self.assertEqual([devices], self.allocated_at_release)
        self.assertEqual(set(), self.allocated(self.server['id']))
        self.assertEqual({}, self.networks.networks)

    def test_detaches_after_a_restart_of_nova_compute(self) -> None:
        self.boot_with_ports()
        self.computes[_HOST] = self.restart_compute_service(_HOST)
        self.flags(
            group='pci_ext',
            port_plug='hostdev' if self.PORT_PLUG == 'network' else 'network',
        )
        self.remove_port(self.vf)
        self.remove_port(self.ordinary)
        self.assertEqual(([], []), (self.types(0), self.types(2)))
        self.assertEqual({}, self.networks.networks)

    def test_suspends_and_resumes(self) -> None:
        self.boot_with_ports()
        types = self.types(0)
        self.server = self._suspend_server(self.server)
        self.assertEqual(types[:1], self.types(0))
        self.assertEqual(1, len(self.devices_of(self.server)))
        self.server = self._resume_server(self.server)
        self.assertEqual(types, self.types(0))
        self.assertEqual(
            self.PORT_PLUG == 'network', bool(self.networks.networks)
        )

    def test_puts_the_vf_back_if_a_suspend_fails(self) -> None:
        self.boot_with_ports()
        types, defined = self.types(0), self.types(2)
        networks = set(self.networks.networks)

        def fail(flags: int) -> None:
            self.assertEqual(types[:1], self.types(0))
            raise libvirt_networks.libvirt_error(
                'No space left on device',
                fakelibvirt.VIR_ERR_OPERATION_FAILED,
            )

        connection = self.computes[_HOST].driver._host.get_connection()
        domain = connection.lookupByUUIDString(self.server['id'])
        domain.managedSave = fail
        # In Nova's tests casts are calls, so the request fails.
        self.api.post_server_action(
            self.server['id'], {'suspend': None}, check_response_status=[500]
        )
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assertEqual(
            [self.ordinary['mac_address'], self.vf['mac_address']],
            self.macs(0),
        )
        self.assertEqual((types, defined), (self.types(0), self.types(2)))
        self.assertEqual(networks, set(self.networks.networks))

    def test_detaches_the_vf_for_a_live_migration(self) -> None:
        self.boot_with_ports()
        instance = objects.Instance.get_by_uuid(self.ctxt, self.server['id'])
        vifs = objects.VIFMigrateData.create_skeleton_migrate_vifs(
            instance.get_network_info()
        )
        remaining = self.types(0)[:1], self.types(2)[:1]
        self.computes[_HOST].driver._detach_direct_passthrough_vifs(
            self.ctxt, objects.LibvirtLiveMigrateData(vifs=vifs), instance
        )
        self.assertEqual(remaining, (self.types(0), self.types(2)))


class HostdevTest(_PortTests, PortsTestCase):
    PORT_PLUG = 'hostdev'


class NetworkTest(_PortTests, PortsTestCase):
    PORT_PLUG = 'network'


class PairTestCase(PortsTestCase):
    """The ports are a failover pair with the same MAC address."""

    def setUp(self) -> None:
        super().setUp()
        self.ordinary['mac_address'] = self.vf['mac_address']
        image = copy.deepcopy(self.glance.image1)
        image['id'] = self.image = uuids.image
        image['properties']['hw_pci_teaming'] = 'true'
        self.glance.create(None, image)


class PairTest(_PortTests, PairTestCase):
    PORT_PLUG = 'hostdev'


class PairOfNetworkTest(_PortTests, PairTestCase):
    PORT_PLUG = 'network'


class WithoutNetworksTest(PortsTestCase):
    """A host whose network driver of libvirt does not respond."""

    PORT_PLUG = 'hostdev'
    ERROR = interfaces.VIR_ERR_SYSTEM_ERROR

    def setUp(self) -> None:
        super().setUp()
        self.networks.error = libvirt_networks.libvirt_error(
            'Failed to connect socket', self.ERROR
        )

    def test_serves_ports_without_networks(self) -> None:
        self.computes[_HOST] = self.restart_compute_service(_HOST)
        self.boot_with_ports()
        # The start of nova-compute with an existing server.
        self.computes[_HOST] = self.restart_compute_service(_HOST)
        self._reboot_server(self.server, hard=True)
        self.remove_port(self.vf)
        self.assertEqual(['ethernet'], self.types(0))
        self._delete_server(self.server)


class WithoutDriverOfNetworksTest(WithoutNetworksTest):
    ERROR = interfaces.VIR_ERR_NO_SUPPORT
