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
    """The PF of an NVMe disk, which has VFs."""

    def setUp(self) -> None:
        super().setUp()
        pf = sysfs.pf()
        assert pf is not None
        self.pf = pf

    def test_refuses_a_pf_with_free_vfs(self) -> None:
        # The driver of the PF does not remove its VFs, and vfio refuses a
        # PF with VFs.
        guest = self.start_guest()
        error = self.assertRaises(
            exception.PciAttachFailed, self.attach, guest, self.pf
        )
        self.assertIn(self.pf, str(error))
        self.assertEqual(frozenset(), guest.devices())
        # The PF is bound to the driver of the host again.
        self.assertDriver('nvme', self.pf)
        self.assertEqual([self.vf, self.other_vf], sysfs.vfs(self.pf))
        self.attach(guest, self.vf)
        self.assertEqual({self.vf}, guest.devices())

    def test_refuses_a_pf_with_a_vf_in_a_guest(self) -> None:
        other_guest = self.start_guest([self.vf])
        guest = self.start_guest(unresponsive=True)
        error = self.assertRaises(
            exception.PciAttachFailed, self.attach, guest, self.pf
        )
        self.assertIn(
            f'its VFs {self.vf} are in domain {other_guest.name}', str(error)
        )
        self.assertEqual(frozenset(), guest.devices())
        self.assertEqual({self.vf}, other_guest.devices())
        self.assertDriver('nvme', self.pf)
