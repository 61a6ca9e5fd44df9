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

"""Attached devices in the lifecycle of a libvirt domain."""

import fixtures
from nova.tests.fixtures import libvirt as fakelibvirt

from pci_ext.tests.nova import test_libvirt_attach


class LibvirtLifecycleTest(test_libvirt_attach.LibvirtAttachTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.attach('2:accelerator')
        self.before = self.devices_of(self.server)
        self.assertEqual(3, len(self.before))

    def assertSameDevices(self) -> None:
        self.assertEqual(self.before, self.devices_of(self.server))
        self.assertEqual(
            self.before, self.hostdevs_of('compute1', self.server)
        )

    def test_suspend_and_resume(self) -> None:
        self.emit_removed_events()
        self.server = self._suspend_server(self.server)
        self.assertEqual(set(), self.hostdevs_of('compute1', self.server))
        self.assertEqual(self.before, self.devices_of(self.server))
        self.server = self._resume_server(self.server)
        self.assertSameDevices()

    def test_suspend_refused_by_the_guest(self) -> None:
        self.flags(
            group='libvirt', device_detach_attempts=1, device_detach_timeout=1
        )
        self.emit_removed_events()
        domain = self.domain()
        original = domain.detachDeviceFlags
        detached: list[str] = []

        def detach(xml: str, flags: int) -> None:
            # The guest releases the first device only.
            if not detached:
                original(xml, flags)
            detached.append(xml)

        domain.detachDeviceFlags = detach
        # In Nova's tests casts are calls, so the request fails.
        self.api.post_server_action(
            self.server['id'], {'suspend': None}, check_response_status=[500]
        )
        self._wait_for_instance_action_event(
            self.server, 'suspend', 'compute_suspend_instance', 'error'
        )
        self.assertEqual(2, len(detached))
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assertSameDevices()

    def test_suspends_a_guest_that_releases_late(self) -> None:
        self.flags(
            group='libvirt', device_detach_attempts=2, device_detach_timeout=1
        )
        self.emit_removed_events()
        domain = self.domain()
        emit_and_detach = domain.detachDeviceFlags
        late: list[str] = []

        def detach(xml: str, flags: int) -> None:
            if not late:
                late.append(xml)
            elif late == [xml]:
                # The guest releases it before the second call of libvirt.
                late.append(xml)
                domain.detachDevice(xml)
                raise fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError,
                    'device not found',
                    error_code=fakelibvirt.VIR_ERR_DEVICE_MISSING,
                )
            else:
                emit_and_detach(xml, flags)

        domain.detachDeviceFlags = detach
        self.server = self._suspend_server(self.server)
        self.assertEqual(2, len(late))
        self.assertEqual(set(), self.hostdevs_of('compute1', self.server))

    def migrate(self) -> None:
        self.start_compute(
            hostname='compute2',
            pci_info=fakelibvirt.HostPCIDevicesInfo(num_pci=4, bus=0x91),
        )
        # Nova's fixtures have no disks to move.
        with fixtures.MockPatch(
            'nova.virt.libvirt.driver.LibvirtDriver.'
            'migrate_disk_and_power_off',
            return_value='{}',
        ):
            self.server = self._migrate_server(self.server)
        self.assertEqual(3, len(self.hostdevs_of('compute2', self.server)))

    def test_cold_migration_confirmed(self) -> None:
        self.migrate()
        on_target = self.hostdevs_of('compute2', self.server)
        self._confirm_resize(self.server)
        self.assertEqual(on_target, self.devices_of(self.server))

    def test_cold_migration_reverted(self) -> None:
        self.migrate()
        self._revert_resize(self.server)
        self.assertSameDevices()
