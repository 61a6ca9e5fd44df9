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
"""The XML of plugged ports, checked by libvirt's schemas."""

from __future__ import annotations

import os
from typing import Any

import fixtures
from lxml import etree
from nova import objects
from nova import test
from nova.network import model
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import guest
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.requests import teaming
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests import libvirt_networks
from pci_ext.virt import port_networks
from pci_ext.virt.libvirt import guest_interfaces
from pci_ext.virt.libvirt import vif

SCHEMAS = '/usr/share/libvirt/schemas'

MAC = 'fa:16:3e:00:00:01'


class Connection(libvirt_networks.Networks):
    """A fake of Nova's Host, and of the connection that it returns."""

    def get_connection(self) -> Connection:
        return self


class VifTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fakelibvirt.LibvirtFixture())
        # Nova's fakelibvirt does not define this code.
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.virt.libvirt.driver.libvirt.VIR_ERR_NO_NETWORK',
                libvirt_networks.VIR_ERR_NO_NETWORK,
            )
        )
        self.conf = self.useFixture(pci_ext_fixtures.Activation()).conf
        self.conf.config(group='pci_ext', port_plug='network')
        self.connection = Connection()
        self.driver = vif.VifDriver(self.connection)
        self.instance = objects.Instance(
            uuid=uuids.server,
            system_metadata={},
            flavor=objects.Flavor(vcpus=1, memory_mb=1, extra_specs={}),
            image_ref='',
            info_cache=objects.InstanceInfoCache(
                network_info=model.NetworkInfo()
            ),
        )

    def port(
        self, id: str, vnic_type: str = 'direct', **values: Any
    ) -> model.VIF:
        made = model.VIF(
            **{
                'id': id,
                'address': MAC,
                'network': model.Network(id=uuids.network, bridge='br-int'),
                'type': 'hw_veb' if vnic_type != 'normal' else 'ovs',
                'vnic_type': vnic_type,
                'profile': {'pci_slot': '0000:3b:02.1'},
                'details': {'vlan': 42, 'port_filter': True},
                'devname': 'tap',
                'ovs_interfaceid': id,
                **values,
            }
        )
        self.instance.info_cache.network_info.append(made)
        return made

    def config(self, port: model.VIF) -> Any:
        return self.driver.get_config(
            self.instance,
            port,
            objects.ImageMeta.from_dict({}),
            self.instance.flavor,
            'kvm',
        )

    def interface(self, port: model.VIF) -> Any:
        """Return the element of a port in the XML of the guest."""
        config = self.config(port)
        element = etree.fromstring(config.to_xml())
        domain = etree.fromstring(
            '<domain type="qemu"><name>a</name><memory>1</memory>'
            '<os><type>hvm</type></os><devices/></domain>'
        )
        domain.find('devices').append(etree.fromstring(config.to_xml()))
        self.validate(domain, 'domain.rng')
        return element

    def validate(self, document: Any, schema: str) -> None:
        path = os.path.join(SCHEMAS, schema)
        if os.path.exists(path):
            relaxng = etree.RelaxNG(etree.parse(path))
            self.assertTrue(relaxng.validate(document), relaxng.error_log)


class NetworkTest(VifTestCase):
    NAME = f'pci-ext-{uuids.server}-{uuids.port}'

    def network(self) -> Any:
        [made] = self.connection.networks.values()
        document = etree.fromstring(made.XMLDesc(0))
        self.validate(document, 'network.rng')
        return document

    def test_interface_names_only_the_network(self) -> None:
        interface = self.interface(self.port(uuids.port))
        self.assertEqual('network', interface.get('type'))
        [source] = interface.findall('source')
        self.assertEqual({'network': self.NAME}, dict(source.attrib))
        self.assertEqual(MAC, interface.find('mac').get('address'))
        self.assertNotIn('0x3b', etree.tostring(interface).decode())

    def test_network_has_only_the_device_of_the_port(self) -> None:
        self.driver.plug(self.instance, self.port(uuids.port))
        network = self.network()
        self.assertEqual(self.NAME, network.findtext('name'))
        self.assertEqual('hostdev', network.find('forward').get('mode'))
        [address] = network.find('forward')
        self.assertEqual(
            ('0x0000', '0x3b', '0x02', '0x1'),
            tuple(
                address.get(key)
                for key in ('domain', 'bus', 'slot', 'function')
            ),
        )
        self.assertEqual('42', network.find('vlan/tag').get('id'))
        self.assertEqual({self.NAME: '0000:3b:02.1'}, self.driver.networks())

    def test_macvtap(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.pci.utils.get_ifname_by_pci_address',
                lambda address, pf_interface=False: 'ens3v1',
            )
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.virt.libvirt.vif.set_vf_interface_vlan',
                lambda *args, **kwargs: None,
            )
        )
        port = self.port(uuids.port, 'macvtap')
        self.assertEqual('network', self.interface(port).get('type'))
        self.driver.plug(self.instance, port)
        forward = self.network().find('forward')
        self.assertEqual('passthrough', forward.get('mode'))
        self.assertEqual('ens3v1', forward.find('interface').get('dev'))
        self.assertEqual({self.NAME: '0000:3b:02.1'}, self.driver.networks())

    def test_another_device_another_network(self) -> None:
        port = self.port(uuids.port)
        self.driver.plug(self.instance, port)
        self.driver.plug(self.instance, port)
        port['profile']['pci_slot'] = '0000:3b:02.2'
        self.driver.plug(self.instance, port)
        self.assertEqual({self.NAME: '0000:3b:02.2'}, self.driver.networks())

    def test_another_vlan_another_network(self) -> None:
        port = self.port(uuids.port)
        self.driver.plug(self.instance, port)
        port['details']['vlan'] = 43
        self.driver.plug(self.instance, port)
        self.assertEqual('43', self.network().find('vlan/tag').get('id'))

    def test_another_interface_another_network(self) -> None:
        names = iter(('ens3v1', 'ens3v2'))
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.pci.utils.get_ifname_by_pci_address',
                lambda address, pf_interface=False: next(names),
            )
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.virt.libvirt.vif.set_vf_interface_vlan',
                lambda *args, **kwargs: None,
            )
        )
        port = self.port(uuids.port, 'macvtap')
        self.driver.plug(self.instance, port)
        self.driver.plug(self.instance, port)
        [interface] = self.network().find('forward')
        self.assertEqual('ens3v2', interface.get('dev'))

    def test_what_libvirt_adds_does_not_matter(self) -> None:
        port = self.port(uuids.port)
        self.driver.plug(self.instance, port)
        [network] = self.connection.networks.values()
        made = network.XMLDesc(0)
        network._xml = made.replace(
            '<forward ', f'<uuid>{uuids.network}</uuid><forward dev="ens3" '
        ).replace('<interface ', '<interface connections="1" ')
        self.driver.plug(self.instance, port)
        self.assertEqual([network], [*self.connection.networks.values()])

    def test_the_network_of_a_running_port_is_kept(self) -> None:
        port = self.port(uuids.port)
        self.driver.plug(self.instance, port)
        before = dict(self.connection.networks)
        # Nova plugs a port again at each reboot, for example.
        self.driver.plug(self.instance, port)
        self.assertEqual(before, self.connection.networks)

    def test_unplug_removes_the_network(self) -> None:
        port = self.port(uuids.port)
        self.driver.plug(self.instance, port)
        self.conf.config(group='pci_ext', port_plug='hostdev')
        self.driver.unplug(self.instance, port)
        self.assertEqual({}, self.driver.networks())
        self.driver.unplug(self.instance, port)

    def test_ignores_other_networks(self) -> None:
        for name in ('default', 'pci-ext-pool', f'pci-ext-{uuids.server}'):
            self.connection.networkCreateXML(
                f'<network><name>{name}</name></network>'
            )
        self.assertEqual({}, self.driver.networks())

    def test_finds_the_interface_in_a_domain(self) -> None:
        """With both values of port_plug, also after a change of the value."""
        address = '<address type="pci" domain="0x0000" {}/>'.format(
            'bus="0x3b" slot="0x02" function="0x1"'
        )
        other = 'fa:16:3e:00:00:02'
        for plug in ('network', 'hostdev'):
            self.conf.config(group='pci_ext', port_plug=plug)
            config = self.config(self.port(uuids.port))
            for found, kind, mac, source in (
                (True, 'network', MAC, f'<source network="{self.NAME}"/>'),
                (True, 'hostdev', MAC, f'<source>{address}</source>'),
                (False, 'network', other, f'<source network="{self.NAME}"/>'),
                (False, 'hostdev', other, f'<source>{address}</source>'),
                (False, 'hostdev', MAC, '<source/>'),
                (False, 'bridge', MAC, '<source bridge="br-int"/>'),
            ):
                xml = (
                    f'<domain><devices><interface type="{kind}">'
                    f'<mac address="{mac}"/>{source}'
                    '</interface></devices></domain>'
                )
                with self.subTest(plug=plug, xml=xml):
                    self.assertEqual(found, self.found(config, xml))

    def found(self, config: Any, xml: str) -> bool:
        """Return whether Nova finds an interface in a domain."""

        class Domain:
            def XMLDesc(self, flags: int) -> str:
                return xml

        interface = guest.Guest(Domain()).get_interface_by_cfg(config)
        if interface is None:
            return False
        described = guest_interfaces.find(interface, xml)
        assert described is not None
        self.assertIn(described.to_xml(pretty_print=False), xml)
        return True

    def test_two_interfaces_with_one_mac_address(self) -> None:
        names = ('pci-ext-one', 'pci-ext-two', 'pci-ext-new')
        interfaces = [
            f'<interface type="network"><mac address="{MAC}"/>'
            f'<source network="{name}"/>{address}</interface>'
            for name, address in zip(
                names,
                (
                    '<address type="pci" domain="0x0000" bus="0x01" '
                    'slot="0x00" function="0x0"/>',
                    '<address type="pci" domain="0x0000" bus="0x02" '
                    'slot="0x00" function="0x0"/>',
                    # libvirt has not given it one yet.
                    '',
                ),
                strict=True,
            )
        ]
        domain = f'<domain><devices>{"".join(interfaces)}</devices></domain>'
        for name, xml in zip(names, interfaces, strict=True):
            interface = vconfig.LibvirtConfigGuestInterface()
            interface.parse_str(xml)
            found = guest_interfaces.find(interface, domain)
            assert found is not None
            source = found.format_dom().find('source')
            self.assertEqual(name, source.get('network'))

    def test_hostdev(self) -> None:
        self.conf.config(group='pci_ext', port_plug='hostdev')
        port = self.port(uuids.port)
        self.driver.plug(self.instance, port)
        self.assertEqual({}, self.connection.networks)
        self.assertEqual('hostdev', self.interface(port).get('type'))

    def test_ports_of_other_types(self) -> None:
        port = self.port(uuids.port, 'normal')
        self.assertIs(
            vconfig.LibvirtConfigGuestInterface, type(self.config(port))
        )
        self.assertFalse(port_networks.needs_network(port))

    def test_libvirt_without_a_network_driver(self) -> None:
        port = self.port(uuids.port)
        for code in (3, 38):
            self.connection.error = libvirt_networks.libvirt_error(
                'no socket', code
            )
            self.assertEqual({}, self.driver.networks())
            self.driver.unplug(self.instance, port)
            # Nova does not start the guest if plug fails.
            self.assertRaises(
                fakelibvirt.libvirtError,
                *(self.driver.plug, self.instance, port),
            )

    def test_does_not_look_up_networks_of_ordinary_ports(self) -> None:
        self.connection.error = AssertionError()
        self.driver.unplug(
            self.instance, self.port(uuids.port, 'normal', type='tap')
        )


class TeamingTest(VifTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.instance.system_metadata['image_hw_pci_teaming'] = 'true'

    def test_pair_of_ports(self) -> None:
        device = self.port(uuids.device)
        standby = self.port(uuids.standby, 'normal')
        interface = self.interface(standby)
        self.assertEqual('persistent', interface.find('teaming').get('type'))
        alias = interface.find('alias').get('name')
        for plug in ('network', 'hostdev'):
            self.conf.config(group='pci_ext', port_plug=plug)
            found = self.interface(device).find('teaming')
            self.assertEqual(
                {'type': 'transient', 'persistent': alias},
                dict(found.attrib),
            )

    def test_no_teaming_for_a_port_without_interface(self) -> None:
        device = self.port(uuids.device, type='ib_hostdev')
        self.port(uuids.standby, 'normal')
        self.assertIs(
            vconfig.LibvirtConfigGuestHostdevPCI, type(self.config(device))
        )

    def test_pair_that_is_not_in_the_info_cache_yet(self) -> None:
        device = self.port(uuids.device)
        standby = self.port(uuids.standby, 'normal')
        self.instance.info_cache.network_info = model.NetworkInfo()
        self.assertIsNone(self.interface(device).find('teaming'))
        with teaming.for_ports([device, standby]):
            self.assertIsNotNone(self.interface(device).find('teaming'))

    def test_no_pair(self) -> None:
        device = self.port(uuids.device)
        other = self.port(uuids.other, 'normal', address='fa:16:3e:00:00:02')
        for port in (device, other):
            self.assertIsNone(self.interface(port).find('teaming'))
        for number in ('one', 'two'):
            self.port(getattr(uuids, number), 'normal')
        self.assertIsNone(self.interface(device).find('teaming'))

    def test_no_teaming_unless_the_image_requests_it(self) -> None:
        self.instance.system_metadata['image_hw_pci_teaming'] = 'false'
        device = self.port(uuids.device)
        standby = self.port(uuids.standby, 'normal')
        for port in (device, standby):
            self.assertIsNone(self.interface(port).find('teaming'))
