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

from pci_ext.virt.libvirt import physical_functions

# As libvirt 9.0 describes an NVMe controller.
PF = """
<device>
  <name>pci_0000_03_00_0</name>
  <capability type='pci'>
    <class>0x010802</class>
    <domain>0</domain>
    <bus>3</bus>
    <slot>0</slot>
    <function>0</function>
    <capability type='virt_functions' maxCount='4'>
      <address domain='0x0000' bus='0x03' slot='0x00' function='0x1'/>
      <address domain='0x0000' bus='0x03' slot='0x00' function='0x2'/>
    </capability>
    <iommuGroup number='13'>
      <address domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>
    </iommuGroup>
  </capability>
</device>
"""

DOMAIN = """
<domain>
  <name>guest-1</name>
  <devices>
    <%(element)s mode='subsystem' type='%(type)s'>
      <source>
        <address domain='0x0000' bus='0x03' slot='0x00' function='0x2'/>
      </source>
    </%(element)s>
  </devices>
</domain>
"""


class PhysicalFunctionsTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.vfs = physical_functions.virtual_functions(PF)

    def test_virtual_functions(self) -> None:
        self.assertEqual({'0000:03:00.1', '0000:03:00.2'}, self.vfs)

    def test_no_virtual_functions(self) -> None:
        # A device that can have VFs, but has none.
        xml = PF.replace('virt_functions', 'phys_function')
        self.assertEqual(
            frozenset(), physical_functions.virtual_functions(xml)
        )

    def test_conflict_if_a_vf_is_in_a_domain(self) -> None:
        for element, kind in ('hostdev', 'pci'), ('interface', 'hostdev'):
            domain = DOMAIN % {'element': element, 'type': kind}
            self.assertEqual(
                'its VFs 0000:03:00.2 are in domain guest-1.',
                physical_functions.conflict(self.vfs, [domain]),
            )

    def test_no_conflict_if_no_vf_is_in_a_domain(self) -> None:
        domain = DOMAIN % {'element': 'hostdev', 'type': 'pci'}
        for xml in (
            domain.replace("function='0x2'", "function='0x3'"),
            domain.replace("type='pci'", "type='usb'"),
        ):
            self.assertIsNone(physical_functions.conflict(self.vfs, [xml]))
