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

from pci_ext import exception
from pci_ext.tests.hwlab import sysfs
from pci_ext.tests.hwlab import test_attach


class PhysicalFunctionsTest(test_attach.AttachTestCase):
    """An NVMe as a whole, which has VFs."""

    def setUp(self) -> None:
        super().setUp()
        pf = sysfs.pf()
        assert pf is not None
        self.pf = pf

    def test_with_vfs_that_nobody_has(self) -> None:
        # Its driver leaves them, and vfio takes no PF that has VFs.
        guest = self.start_guest()
        error = self.assertRaises(
            exception.PciAttachFailed, self.attach, guest, self.pf
        )
        self.assertIn(self.pf, str(error))
        self.assertEqual(frozenset(), guest.devices())
        # The host has it as before.
        self.assertDriver('nvme', self.pf)
        self.assertEqual([self.vf, self.other_vf], sysfs.vfs(self.pf))
        self.attach(guest, self.vf)
        self.assertEqual({self.vf}, guest.devices())

    def test_with_a_vf_in_a_guest(self) -> None:
        holder = self.start_guest([self.vf])
        guest = self.start_guest(unresponsive=True)
        error = self.assertRaises(
            exception.PciAttachFailed, self.attach, guest, self.pf
        )
        self.assertIn(
            f'its VFs {self.vf} are in domain {holder.name}', str(error)
        )
        self.assertEqual(frozenset(), guest.devices())
        self.assertEqual({self.vf}, holder.devices())
        self.assertDriver('nvme', self.pf)
