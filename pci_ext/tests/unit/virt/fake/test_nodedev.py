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

import contextlib
import io
from typing import Any

from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import host
from oslotest import base

from pci_ext import exception
from pci_ext.virt.fake import hardware
from pci_ext.virt.fake import nodedev

PF = b"""<device>
  <name>pci_0000_3b_00_0</name>
  <path>/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0</path>
  <parent>pci_0000_3a_00_0</parent>
  <driver><name>ice</name></driver>
  <capability type='pci'>
    <class>0x020000</class>
    <domain>0</domain>
    <bus>59</bus>
    <slot>0</slot>
    <function>0</function>
    <product id='0x1592'>Ethernet Controller E810-C for QSFP</product>
    <vendor id='0x8086'>Intel Corporation</vendor>
    <capability type='virt_functions' maxCount='128'>
      <address domain='0x0000' bus='0x3b' slot='0x01' function='0x0'/>
    </capability>
    <numa node='1'/>
  </capability>
</device>
"""

VF = b"""<device>
  <name>pci_0000_3b_01_0</name>
  <capability type='pci'>
    <class>0x020000</class>
    <domain>0</domain>
    <bus>59</bus>
    <slot>1</slot>
    <function>0</function>
    <product id='0x1889'>Ethernet Adaptive Virtual Function</product>
    <vendor id='0x8086'>Intel Corporation</vendor>
    <capability type='phys_function'>
      <address domain='0x0000' bus='0x3b' slot='0x00' function='0x0'/>
    </capability>
  </capability>
</device>
"""

NVME = b"""<?xml version="1.0"?>
<device>
  <name>pci_10000_e1_00_0</name>
  <capability type='pci'>
    <class>0x010802</class>
    <domain>65536</domain>
    <bus>225</bus>
    <slot>31</slot>
    <function>7</function>
    <product id='0xa824'/>
    <vendor id='0x144d'/>
  </capability>
</device>
"""

BRIDGE = NVME.replace(b'0x010802', b'0x060400')

NETDEV = b"""<device>
  <name>net_ens1f0_b4_96_91</name>
  <capability type='net'><interface>ens1f0</interface></capability>
</device>
"""


class NodedevTestCase(base.BaseTestCase):
    def path(self, content: bytes) -> str:
        path: str = self.create_tempfiles([('devices', '')], '.xml')[0]
        with open(path, 'wb') as stream:
            stream.write(content)
        return path

    def run_main(self, *argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = nodedev.main(argv)
        return status, out.getvalue(), err.getvalue()

    def devices(self, *documents: bytes) -> list[dict[str, Any]]:
        """Convert documents, and read the resulting hardware file."""
        paths = [self.path(document) for document in documents]
        status, out, err = self.run_main('--host', 'real', *paths)
        self.assertEqual((0, ''), (status, err))
        (path,) = self.create_tempfiles([('hardware', out)], '.yaml')
        return hardware.load(path)['real']


class TestConvert(NodedevTestCase):
    def test_pf_and_vf(self) -> None:
        pf, vf = self.devices(PF + VF)
        self.assertEqual(
            {
                'dev_id': 'pci_0000_3b_00_0',
                'address': '0000:3b:00.0',
                'vendor_id': '8086',
                'product_id': '1592',
                'numa_node': 1,
                'label': 'label_8086_1592',
                'dev_type': 'type-PF',
                'class': '0x020000',
            },
            pf,
        )
        self.assertEqual('type-VF', vf['dev_type'])
        self.assertEqual('0000:3b:00.0', vf['parent_addr'])
        self.assertIsNone(vf['numa_node'])

    def test_domain_of_more_than_16_bits(self) -> None:
        (device,) = self.devices(NVME)
        self.assertEqual('10000:e1:1f.7', device['address'])
        self.assertEqual('type-PCI', device['dev_type'])

    def test_several_documents_and_files(self) -> None:
        devices = self.devices(PF + NVME + NETDEV, VF)
        self.assertEqual(
            {'pci_0000_3b_00_0', 'pci_0000_3b_01_0', 'pci_10000_e1_1f_7'},
            {device['dev_id'] for device in devices},
        )

    def test_bridges_are_left_out(self) -> None:
        self.assertEqual([], self.devices(BRIDGE))

    def test_equal_cards_become_one_entry(self) -> None:
        other = NVME.replace(b'225', b'226')
        (card,) = nodedev.convert('', NVME + other)
        self.assertEqual(['10000:e1:1f.7', '10000:e2:1f.7'], card['address'])

    def test_devices_of_the_libvirt_driver(self) -> None:
        """The conversion has the same result as Nova's libvirt driver."""
        self.useFixture(fakelibvirt.LibvirtFixture())
        connection = fakelibvirt.Connection(
            'qemu:///system',
            pci_info=fakelibvirt.HostPCIDevicesInfo(
                num_pci=2, num_pfs=2, num_vfs=8
            ),
        )
        nodes = {
            node.name(): node
            for node in connection.listAllDevices(
                fakelibvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV
            )
        }
        hypervisor = host.Host('qemu:///system')
        reported = [
            hypervisor._get_pcidev_info(name, node, [], [], [])
            for name, node in nodes.items()
        ]
        converted = self.devices(
            *(node.XMLDesc(0).encode() for node in nodes.values())
        )
        self.assertEqual(12, len(converted))
        # The descriptions do not have the network interfaces of the host.
        keys = set().union(*converted)
        self.assertEqual(
            {
                device['address']: {
                    key: value for key, value in device.items() if key in keys
                }
                for device in reported
            },
            {device['address']: device for device in converted},
        )


class TestRefusals(NodedevTestCase):
    def assertRefused(self, reason: str, document: bytes) -> None:
        path = self.path(document)
        status, out, err = self.run_main(path)
        self.assertEqual((1, ''), (status, out))
        self.assertIn(path, err)
        self.assertIn(reason, err)
        self.assertRaises(
            exception.InvalidHardware, nodedev.convert, path, document
        )

    def test_refuses_other_content(self) -> None:
        self.assertRefused('line', b'<device>')
        self.assertRefused('line', b'\xff')

    def test_refuses_entities(self) -> None:
        document = b'<!DOCTYPE a [<!ENTITY b "c">]><device>&b;</device>'
        self.assertRefused('line', document)

    def test_refuses_a_missing_element(self) -> None:
        document = PF.replace(b'<bus>59</bus>', b'')
        self.assertRefused('pci_0000_3b_00_0', document)

    def test_refuses_an_invalid_number(self) -> None:
        self.assertRefused('x9', PF.replace(b'59', b'x9'))
        self.assertRefused("''", PF.replace(b"id='0x8086'", b"id=''"))

    def test_refuses_a_missing_attribute(self) -> None:
        self.assertRefused('pci_0000_3b_00_0', PF.replace(b"id='0x8086'", b''))

    def test_refuses_a_missing_file(self) -> None:
        status, _, err = self.run_main('/nonexistent')
        self.assertEqual(1, status)
        self.assertIn('/nonexistent', err)
