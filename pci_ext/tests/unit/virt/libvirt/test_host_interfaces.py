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

"""Devices of macvtap and vDPA interfaces, which domains do not name."""

import types
from typing import Any

from nova import objects
from nova import test
from nova.tests.fixtures import libvirt as fakelibvirt

from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.virt.libvirt import driver

# As libvirt 9.0 shows a running domain, without what is of no interest here.
DOMAIN = """
<domain>
  <devices>
    <interface type='direct'>
      <source dev='ens1f0v0' mode='passthrough'/>
      <target dev='macvtap0'/>
    </interface>
    <interface type='vdpa'>
      <source dev='/dev/vhost-vdpa-3'/>
    </interface>
    <interface type='hostdev'>
      <source>
        <address type='pci' domain='0x0000' bus='0x81' slot='0x00'
                 function='0x4'/>
      </source>
    </interface>
    <interface type='bridge'><source bridge='ens1f0v1'/></interface>
  </devices>
</domain>
"""
INTERFACE = """
<device>
  <name>net_{name}_fa_16_3e_00_00_01</name>
  <parent>{parent}</parent>
  <capability type='net'><interface>{name}</interface></capability>
</device>
"""
VDPA = """
<device>
  <name>vdpa_vdpa0</name>
  <parent>pci_0000_81_00_3</parent>
  <capability type='vdpa'><chardev>/dev/vhost-vdpa-3</chardev></capability>
</device>
"""
NODE_DEVICES = (
    INTERFACE.format(name='lo', parent='computer'),
    INTERFACE.format(name='ens1f0v0', parent='pci_0000_81_00_1'),
    INTERFACE.format(name='ens1f0v1', parent='pci_0000_81_00_2'),
    VDPA,
)


class Host:
    """A fake of Nova's Host, and of the guest that it returns."""

    xml = DOMAIN
    listed = 0

    def get_guest(self, instance: objects.Instance) -> Any:
        return self

    def is_active(self) -> bool:
        return True

    def get_xml_desc(self) -> str:
        return self.xml

    def list_all_devices(self, flags: int) -> list[Any]:
        self.listed += 1
        return [
            types.SimpleNamespace(XMLDesc=lambda flags, xml=xml: xml)
            for xml in NODE_DEVICES
        ]


class HostInterfacesTest(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fakelibvirt.LibvirtFixture())
        self.useFixture(pci_ext_fixtures.Activation())
        self.driver = driver.LibvirtDriver(None, read_only=True)
        self.driver._host = Host()

    def test_all_attached_pci(self) -> None:
        self.assertEqual(
            {'0000:81:00.1', '0000:81:00.3', '0000:81:00.4'},
            self.driver.all_attached_pci(objects.Instance()),
        )

    def test_lists_node_devices_only_for_such_interfaces(self) -> None:
        self.driver._host.xml = '<domain><devices/></domain>'
        self.assertEqual(
            set(), self.driver.all_attached_pci(objects.Instance())
        )
        self.assertEqual(0, self.driver._host.listed)
