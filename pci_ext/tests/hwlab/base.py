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

"""Base of the tests of the driver: real libvirt and devices, no services."""

from collections.abc import Callable
from collections.abc import Sequence
import time
from typing import Any

from nova import objects
from oslo_serialization import jsonutils
from oslotest import base

from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.hwlab import guests
from pci_ext.tests.hwlab import sysfs
from pci_ext.virt.libvirt import driver

#: Seconds for libvirt to send an event.
TIMEOUT = 60


class TestCase(base.BaseTestCase):
    """A driver as in nova-compute, with guests that Nova did not create."""

    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(pci_ext_fixtures.Activation()).conf
        self.conf.config(group='libvirt', virt_type='qemu')
        self.driver = driver.LibvirtDriver(None)
        # The first step of init_host; the other steps need a database.
        self.driver._host.initialize()
        self.addCleanup(self.driver.cleanup_host, 'lab')

    def reported(self) -> dict[str, dict[str, Any]]:
        """Return the properties that the driver reports, by address."""
        text = self.driver._get_pci_passthrough_devices()
        return {device['address']: device for device in jsonutils.loads(text)}

    def start_guest(
        self, devices: Sequence[str] = (), unresponsive: bool = False
    ) -> guests.Guest:
        """Start a guest with devices; it is destroyed after the test."""
        guest = guests.Guest(self.driver._host.get_connection(), unresponsive)
        self.addCleanup(guest.destroy)
        guest.start(
            [
                self.driver._get_guest_pci_device(
                    self.device(address)
                ).to_xml()
                for address in devices
            ]
        )
        return guest

    def device(self, address: str) -> 'objects.PciDevice':
        """Return a device as the tracker has it on record."""
        vendor_id, product_id = sysfs.ids(address)
        return objects.PciDevice(
            address=address,
            vendor_id=vendor_id,
            product_id=product_id,
            extra_info={},
        )

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for the effect of an event of libvirt."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def assertDriver(self, expected: str | None, address: str) -> None:
        """Wait until a device is bound to a driver."""
        self.assertEqual(
            expected, sysfs.wait_for_driver(address, expected), address
        )
