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

"""The driver attaches devices to guests and detaches them."""

from nova import context as nova_context

from pci_ext import exception
from pci_ext.tests.hwlab import base
from pci_ext.tests.hwlab import guests
from pci_ext.tests.hwlab import sysfs

CYCLES = 20


class AttachTestCase(base.TestCase):
    """Running guests, with two NICs and two VFs for them."""

    def setUp(self) -> None:
        super().setUp()
        self.context = nova_context.get_admin_context()
        self.nic, self.other_nic = sysfs.nics()
        pf = sysfs.pf()
        assert pf is not None
        self.vf, self.other_vf = sysfs.vfs(pf)

    def attach(self, guest: guests.Guest, *addresses: str) -> None:
        self.driver.attach_pci(
            self.context,
            guest.instance,
            [self.device(address) for address in addresses],
        )

    def detach(self, guest: guests.Guest, *addresses: str) -> None:
        self.driver.detach_pci(
            self.context,
            guest.instance,
            [self.device(address) for address in addresses],
        )


class AttachTest(AttachTestCase):
    """Guests that release devices on request."""

    def _cycles(self, address: str, host_driver: str | None) -> None:
        guest = self.start_guest()
        for _ in range(CYCLES):
            self.attach(guest, address)
            self.assertEqual({address}, guest.devices())
            self.assertEqual(
                {address}, self.driver.attached_pci(guest.instance)
            )
            self.assertDriver('vfio-pci', address)
            self.detach(guest, address)
            self.assertEqual(frozenset(), guest.devices())
            self.assertDriver(host_driver, address)

    def test_cycles_of_a_nic(self) -> None:
        self._cycles(self.nic, 'e1000e')

    def test_cycles_of_a_vf(self) -> None:
        # The driver nvme does not bind a VF that its PF has not enabled.
        self._cycles(self.vf, None)

    def test_cycles_of_a_vf_with_a_driver(self) -> None:
        pf = sysfs.pf(sysfs.IGB)
        if pf is None:
            self.skipTest('There is no igb: QEMU is older than 8')
        self._cycles(sysfs.vfs(pf)[0], 'igbvf')

    def test_attaches_several_devices(self) -> None:
        guest = self.start_guest()
        self.attach(guest, self.nic, self.vf)
        self.assertEqual({self.nic, self.vf}, guest.devices())
        self.detach(guest, self.nic)
        self.assertEqual({self.vf}, guest.devices())
        self.assertDriver('e1000e', self.nic)

    def test_boot_and_destroy(self) -> None:
        guest = self.start_guest([self.nic, self.vf])
        self.assertEqual({self.nic, self.vf}, guest.devices())
        self.assertDriver('vfio-pci', self.nic)
        self.assertDriver('vfio-pci', self.vf)
        guest.destroy()
        self.assertDriver('e1000e', self.nic)
        self.assertDriver(None, self.vf)

    def test_detaches_a_boot_time_device(self) -> None:
        guest = self.start_guest([self.nic])
        self.detach(guest, self.nic)
        self.assertEqual(frozenset(), guest.devices())
        self.assertDriver('e1000e', self.nic)

    def test_refuses_a_device_of_another_guest(self) -> None:
        other_guest = self.start_guest([self.nic])
        guest = self.start_guest(unresponsive=True)
        error = self.assertRaises(
            exception.PciAttachFailed, self.attach, guest, self.nic
        )
        self.assertIn(self.nic, str(error))
        self.assertIn(
            f'in use by driver QEMU, domain {other_guest.name}', str(error)
        )
        self.assertEqual({self.nic}, other_guest.devices())
        self.assertEqual(frozenset(), guest.devices())
        self.assertDriver('vfio-pci', self.nic)

    def test_refuses_a_device_of_another_model(self) -> None:
        guest = self.start_guest(unresponsive=True)
        device = self.device(self.nic)
        device.product_id = 'ffff'
        error = self.assertRaises(
            exception.PciDeviceReplaced,
            self.driver.attach_pci,
            self.context,
            guest.instance,
            [device],
        )
        self.assertIn(':'.join(sysfs.ids(self.nic)), str(error))
        self.assertEqual(frozenset(), guest.devices())
        self.assertDriver('e1000e', self.nic)


class UnresponsiveGuestTest(AttachTestCase):
    """Guests that release a device late or never."""

    def setUp(self) -> None:
        super().setUp()
        self.conf.config(
            group='libvirt', device_detach_attempts=2, device_detach_timeout=3
        )

    def test_detach_fails_with_an_unresponsive_guest(self) -> None:
        guest = self.start_guest([self.nic], unresponsive=True)
        error = self.assertRaises(
            exception.PciDetachFailed, self.detach, guest, self.nic
        )
        self.assertIn(self.nic, str(error))
        self.assertEqual({self.nic}, guest.devices())
        self.assertDriver('vfio-pci', self.nic)
        guest.destroy()
        self.assertDriver('e1000e', self.nic)

    def test_reports_a_late_release(self) -> None:
        removed: list[str] = []
        self.driver.guest_changed = removed.append
        guest = self.start_guest([self.nic])
        guest.domain().suspend()
        self.assertRaises(
            exception.PciDetachFailed, self.detach, guest, self.nic
        )
        self.assertEqual([], removed)
        guest.domain().resume()
        self.assertDriver('e1000e', self.nic)
        self.assertEqual(frozenset(), guest.devices())
        self.wait_until(lambda: removed == [guest.instance.uuid])
