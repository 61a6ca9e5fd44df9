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

"""IOMMU groups with other devices that the host uses."""

from oslotest import base

from pci_ext.virt.libvirt import iommu_groups

# As libvirt 9.0 describes one of two functions in one IOMMU group.
NIC = """
<device>
  <name>pci_0000_04_00_1</name>
  <parent>pci_0000_00_07_0</parent>
  <driver>
    <name>e1000e</name>
  </driver>
  <capability type='pci'>
    <class>0x020000</class>
    <domain>0</domain>
    <bus>4</bus>
    <slot>0</slot>
    <function>1</function>
    <product id='0x10d3'>82574L Gigabit Network Connection</product>
    <vendor id='0x8086'>Intel Corporation</vendor>
    <iommuGroup number='12'>
      <address domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
      <address domain='0x0000' bus='0x04' slot='0x00' function='0x1'/>
    </iommuGroup>
  </capability>
</device>
"""


class IommuGroupsTestCase(base.BaseTestCase):
    def test_group(self) -> None:
        group = iommu_groups.group_of(NIC)
        self.assertEqual(
            iommu_groups.Group(
                12, frozenset({'0000:04:00.0', '0000:04:00.1'})
            ),
            group,
        )

    def test_no_iommu(self) -> None:
        start, end = NIC.index('<iommuGroup'), NIC.index('</capability>')
        self.assertIsNone(iommu_groups.group_of(NIC[:start] + NIC[end:]))

    def test_host_driver(self) -> None:
        for driver, expected in {
            'e1000e': 'e1000e',
            'vfio-pci': None,
            'mlx5_vfio_pci': None,
            'nvgrace-gpu-vfio-pci': None,
            'pci-stub': None,
            'vfio': 'vfio',
        }.items():
            xml = NIC.replace('e1000e', driver)
            self.assertEqual(expected, iommu_groups.host_driver(xml))

    def test_no_driver(self) -> None:
        xml = NIC.replace('<driver>', '<!--').replace('</driver>', '-->')
        self.assertIsNone(iommu_groups.host_driver(xml))

    def test_bridge_by_its_header(self) -> None:
        isa = NIC.replace('0x020000', '0x060100')
        self.assertEqual('e1000e', iommu_groups.host_driver(isa))
        for header in ('pci-bridge', 'cardbus-bridge'):
            xml = isa.replace(
                '<iommuGroup', f"<capability type='{header}'/><iommuGroup"
            )
            self.assertIsNone(iommu_groups.host_driver(xml))

    def test_conflict(self) -> None:
        devices = {
            'pci_0000_04_00_0': NIC.replace('e1000e', 'igb'),
            'pci_0000_04_00_1': NIC,
        }
        first, second = '0000:04:00.0', '0000:04:00.1'
        self.assertEqual(
            'it shares IOMMU group 12 with 0000:04:00.0 (igb), which the '
            'host uses.',
            iommu_groups.conflict(second, {second}, devices.__getitem__),
        )
        self.assertIsNone(
            iommu_groups.conflict(second, {first, second}, devices.__getitem__)
        )
        devices['pci_0000_04_00_0'] = NIC.replace('e1000e', 'vfio-pci')
        self.assertIsNone(
            iommu_groups.conflict(second, {second}, devices.__getitem__)
        )
