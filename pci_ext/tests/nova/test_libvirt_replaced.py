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

"""Devices that make way for others at the same address, or are gone."""

from typing import Any

import fixtures
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.api import client

from pci_ext.tests.nova import test_libvirt_attach

_HARD_REBOOT = {'reboot': {'type': 'HARD'}}

_DISK = {
    'vend_id': '144d',
    'vend_name': 'Samsung',
    'prod_id': 'a824',
    'prod_name': 'PM173X',
    'driver_name': 'nvme',
}


class ReplacedTest(test_libvirt_attach.LibvirtAttachTestCase):
    def setUp(self) -> None:
        super().setUp()
        [self.address] = self.devices_of(self.server)
        self.host = self.computes['compute1'].driver._host
        self.hardware = self.host.get_connection().pci_info

    def place(self, bus: int, slot: int, **model: Any) -> None:
        self.hardware.add_device('PCI', bus, slot, 0, 40, 0, **model)

    def record(self, address: str) -> objects.PciDevice:
        [node] = objects.ComputeNodeList.get_all(self.ctxt)
        return objects.PciDevice.get_by_dev_addr(self.ctxt, node.id, address)

    def fault_of(self, action: dict[str, Any]) -> str:
        """Return the fault of an action that fails."""
        # nova-api calls nova-compute here, where it would cast.
        self.assertRaises(
            client.OpenStackApiException,
            self.api.post_server_action,
            self.server['id'],
            action,
        )
        server = self._wait_for_state_change(self.server, 'ERROR')
        return str(server['fault']['message'])

    def make_undescribed(self, name: str) -> None:
        """Let libvirt describe a device no longer."""
        look_up = self.host.device_lookup_by_name

        def fail(wanted: str) -> Any:
            if wanted == self.failing:
                raise fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError,
                    f'Node device not found: {name}',
                    error_code=fakelibvirt.VIR_ERR_NO_DOMAIN,
                )
            return look_up(wanted)

        self.useFixture(
            fixtures.MockPatchObject(self.host, 'device_lookup_by_name', fail)
        )
        self.failing = name

    def test_hard_reboot_with_another_device_at_the_address(self) -> None:
        self.place(0x81, int(self.address[8:10], 16), **_DISK)
        self._run_periodics()
        record = self.record(self.address)
        self.assertEqual('allocated', record.status)
        self.assertIn('pci_ext:withdrawn', record.extra_info)
        self.assertEqual(
            f'PCI device {self.address} was not attached: the device at this '
            'address is 144d:a824 now, and the server has 8086:1533.',
            self.fault_of(_HARD_REBOOT),
        )

    def test_resume_with_another_device_at_the_address(self) -> None:
        self.emit_removed_events()
        self._suspend_server(self.server)
        self.place(0x81, int(self.address[8:10], 16), **_DISK)
        self.assertIn('144d:a824', self.fault_of({'resume': None}))

    def test_attach_of_a_device_that_was_replaced_since_the_scan(self) -> None:
        for slot in range(4):
            self.place(0x81, slot, **_DISK)
        self.attach('1:accelerator', 'error')
        self.assertEqual({self.address}, self.devices_of(self.server))

    def test_hard_reboot_without_the_device(self) -> None:
        self.make_undescribed(self.record(self.address).dev_id)
        self.assertIn(
            f'PCI device {self.address} was not attached: Node device not '
            'found',
            self.fault_of(_HARD_REBOOT),
        )

    def test_scan_finds_another_device_in_a_slot(self) -> None:
        free = '0000:81:03.0'
        self.assertNotEqual(free, self.address)
        self.place(0x81, 3, vend_id='8086', prod_id='0a54', vend_name='Intel')
        self._run_periodics()
        self.assertEqual('0a54', self.record(free).product_id)

    def test_scan_with_a_device_that_libvirt_cannot_describe(self) -> None:
        self.place(0x82, 0)
        self.place(0x83, 0)
        self.make_undescribed('pci_0000_83_00_0')
        self._run_periodics()
        self.assertEqual('available', self.record('0000:82:00.0').status)
        self.failing = ''
        self._run_periodics()
        self.assertEqual('available', self.record('0000:83:00.0').status)
