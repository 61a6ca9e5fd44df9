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

from oslotest import base

from pci_ext.virt.libvirt import domain_xml

# As libvirt 9.0 shows a running q35 guest with two devices, one of them
# behind a domain of 32 bits.
Q35 = """
<domain type='qemu' id='1'>
  <devices>
    <disk type='file' device='disk'>
      <alias name='virtio-disk0'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00'
               function='0x0'/>
    </disk>
    <controller type='usb' index='0' model='none'/>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'>
      <target chassis='1' port='0x8'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01'
               function='0x0' multifunction='on'/>
    </controller>
    <controller type='pci' index='2' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01'
               function='0x1'/>
    </controller>
    <controller type='pci' index='10' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01'
               function='0x2'/>
    </controller>
    <controller type='pci' index='11' model='pcie-root-port'/>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <driver name='vfio'/>
      <source>
        <address domain='0x0000' bus='0x3b' slot='0x00' function='0x7'/>
      </source>
      <alias name='hostdev0'/>
      <address type='pci' domain='0x0000' bus='0x0a' slot='0x00'
               function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source>
        <address domain='0x10000' bus='0xe1' slot='0x1f' function='0x0'/>
      </source>
    </hostdev>
    <hostdev mode='subsystem' type='mdev' model='vfio-pci'>
      <source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source>
    </hostdev>
    <interface type='hostdev' managed='yes'>
      <source>
        <address type='pci' domain='0x0000' bus='0x02' slot='0x00'
                 function='0x0'/>
      </source>
    </interface>
  </devices>
</domain>
"""

I440FX = """
<domain>
  <devices><controller type='pci' index='0' model='pci-root'/></devices>
</domain>
"""


class GuestAddressesTestCase(base.BaseTestCase):
    def test_device_with_an_address(self) -> None:
        self.assertEqual(
            {'0000:3b:00.7': '0000:0a:00.0'}, domain_xml.guest_addresses(Q35)
        )


class DomainXmlTestCase(base.BaseTestCase):
    def test_hostdev_addresses(self) -> None:
        self.assertEqual(
            {'0000:3b:00.7', '10000:e1:1f.0'},
            domain_xml.hostdev_addresses(Q35),
        )
        self.assertEqual(set(), domain_xml.hostdev_addresses(I440FX))

    def test_without_hostdevs(self) -> None:
        xml = domain_xml.without_hostdevs(Q35, {'0000:3b:00.7'})
        self.assertEqual({'10000:e1:1f.0'}, domain_xml.hostdev_addresses(xml))
        self.assertEqual(
            domain_xml.all_addresses(Q35) - {'0000:3b:00.7'},
            domain_xml.all_addresses(xml),
        )
        self.assertEqual(
            Q35, domain_xml.without_hostdevs(Q35, {'0000:99:00.0'})
        )

    def test_free_root_ports(self) -> None:
        # Bus 1 has the disk and bus 10 a device; bus 2 of the host
        # is not bus 2 of the guest.
        self.assertEqual(2, domain_xml.free_root_ports(Q35))

    def test_no_root_ports_without_pci_express(self) -> None:
        self.assertIsNone(domain_xml.free_root_ports(I440FX))
