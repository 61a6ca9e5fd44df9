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

"""Devices that share an IOMMU group."""

from pci_ext import exception
from pci_ext.matching import addresses
from pci_ext.tests.hwlab import sysfs
from pci_ext.tests.hwlab import test_attach
from pci_ext.virt.libvirt import iommu_groups


class IommuGroupsTest(test_attach.AttachTestCase):
    """Two functions of one card, in one group."""

    def setUp(self) -> None:
        super().setUp()
        self.first, self.second = sysfs.siblings()

    def test_agrees_with_the_kernel(self) -> None:
        for address in self.reported():
            xml = self.driver._describe(addresses.node_device_name(address))
            group = iommu_groups.group_of(xml)
            assert group is not None
            self.assertEqual(set(sysfs.group(address)), group.addresses)

    def test_refuses_one_device_of_a_group(self) -> None:
        guest = self.start_guest(unresponsive=True)
        error = self.assertRaises(
            exception.PciAttachFailed, self.attach, guest, self.first
        )
        self.assertIn(f'{self.second} (e1000e)', str(error))
        self.assertEqual(frozenset(), guest.devices())
        self.assertDriver('e1000e', self.first)
        self.assertDriver('e1000e', self.second)

    def test_refuses_to_attach_a_whole_group(self) -> None:
        # Devices are attached one by one, while the host uses the other one.
        guest = self.start_guest(unresponsive=True)
        error = self.assertRaises(
            exception.PciAttachFailed,
            self.attach,
            guest,
            self.first,
            self.second,
        )
        self.assertIn(f'{self.second} (e1000e)', str(error))
        self.assertEqual(frozenset(), guest.devices())
        self.assertDriver('e1000e', self.first)

    def test_boots_with_a_whole_group(self) -> None:
        guest = self.start_guest([self.first, self.second])
        self.assertEqual({self.first, self.second}, guest.devices())
        guest.destroy()
        self.assertDriver('e1000e', self.first)
        self.assertDriver('e1000e', self.second)
