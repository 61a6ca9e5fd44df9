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

"""Devices of servers that their host does not offer any more."""

import fixtures
from nova import objects
from nova.db.main import api as db
from nova.tests.fixtures import libvirt as fakelibvirt
from oslo_config import cfg

from pci_ext.tests.nova import test_libvirt_attach

CONF = cfg.CONF

# Devices of hosts other than compute1.
_OTHERS = '[{"address": "0000:9.:*.*"}, {}]'


class WithdrawnTest(test_libvirt_attach.LibvirtAttachTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.emit_removed_events()

    def start_second_compute(self) -> None:
        self.start_compute(
            hostname='compute2',
            pci_info=fakelibvirt.HostPCIDevicesInfo(num_pci=4, bus=0x91),
        )

    def withdraw(self, address: str) -> None:
        """Offer all devices but one."""
        offered = [
            f'[{{"address": "0000:81:0{slot}.0"}}, {{}}]'
            for slot in range(4)
            if address != f'0000:81:0{slot}.0'
        ]
        CONF.set_override(
            'pci_information', [_OTHERS, *offered], group='pci_ext'
        )
        self._run_periodics()

    def assertRebootKeeps(self, devices: set[str], host: str) -> None:
        self.assertEqual(devices, self.devices_of(self.server))
        self._reboot_server(self.server, hard=True)
        self.assertEqual(devices, self.hostdevs_of(host, self.server))

    def test_boot_time_device_is_detached(self) -> None:
        self._delete_server(self.server)
        self.server = self.boot('2:accelerator')
        self.emit_removed_events()
        first, second = self.devices_of(self.server)
        self.withdraw(second)
        self.detach(second)
        self.assertRebootKeeps({first}, 'compute1')

    def test_attached_device_is_detached(self) -> None:
        before = self.devices_of(self.server)
        self.attach('1:accelerator')
        [attached] = self.devices_of(self.server) - before
        self.withdraw(attached)
        self.detach(attached)
        self.assertRebootKeeps(before, 'compute1')

    def test_cold_migration(self) -> None:
        [device] = self.devices_of(self.server)
        self.start_second_compute()
        self.withdraw(device)
        # Nova's fixtures have no disks to move.
        with fixtures.MockPatch(
            'nova.virt.libvirt.driver.LibvirtDriver.'
            'migrate_disk_and_power_off',
            return_value='{}',
        ):
            self.server = self._migrate_server(self.server)
        self._confirm_resize(self.server)
        self.assertRebootKeeps(self.devices_of(self.server), 'compute2')

    def test_shelve(self) -> None:
        [device] = self.devices_of(self.server)
        self.start_second_compute()
        self.withdraw(device)
        self.flags(shelved_offload_time=0)
        self._shelve_server(self.server)
        CONF.set_override('pci_information', [_OTHERS], group='pci_ext')
        self._run_periodics()
        self.server = self._unshelve_server(self.server)
        self.assertRebootKeeps(self.devices_of(self.server), 'compute2')

    def test_deleted_record_that_names_the_server(self) -> None:
        """Earlier releases and Nova left such records."""
        before = self.devices_of(self.server)
        self.attach('1:accelerator')
        [attached] = self.devices_of(self.server) - before
        self.detach(attached)
        node = objects.ComputeNodeList.get_all(self.ctxt)[0]
        db.pci_device_update(
            self.ctxt,
            node.id,
            attached,
            {'status': 'allocated', 'instance_uuid': self.server['id']},
        )
        db.pci_device_destroy(self.ctxt, node.id, attached)
        self.assertRebootKeeps(before, 'compute1')
        self._suspend_server(self.server)
        self._resume_server(self.server)
        self.assertEqual(before, self.hostdevs_of('compute1', self.server))
