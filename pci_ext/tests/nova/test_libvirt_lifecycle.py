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

import os
import time
from typing import Any
from unittest import mock

import fixtures
from nova import exception as nova_exception
from nova.compute import power_state
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import utils as libvirt_utils
from oslo_config import cfg

from pci_ext import server_state
from pci_ext.tests.nova import test_libvirt_attach

CONF = cfg.CONF


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

    def test_suspend_with_a_full_disk(self) -> None:
        self.emit_removed_events()
        self.domain().managedSave = self.fail_with('No space left on device')
        self.refuse_suspend()
        self.assertSameDevices()

    def test_suspend_with_a_full_disk_and_a_busy_device(self) -> None:
        self.flags(group='pci_ext', reattach_delay=0.1)
        self.emit_removed_events()
        self.domain().managedSave = self.fail_with('No space left on device')
        self.make_busy(max(self.before))
        self.refuse_suspend()
        self.assertReattached()

    def test_suspend_while_libvirt_goes_away(self) -> None:
        # libvirt does not report either that the guest released the devices.
        self.flags(
            group='libvirt', device_detach_attempts=1, device_detach_timeout=1
        )
        self.flags(group='pci_ext', reattach_delay=0.1)
        self.domain().managedSave = self.fail_with('the connection is lost')
        driver = self.computes['compute1'].driver
        with fixtures.MockPatchObject(
            driver,
            'attach_pci',
            mock.Mock(side_effect=nova_exception.HypervisorUnavailable()),
        ):
            self.refuse_suspend()
        self.assertEqual(set(), self.hostdevs_of('compute1', self.server))
        unhealthy = driver._pci_manager._unhealthy
        with fixtures.MockPatchObject(
            unhealthy, 'due', lambda: list(unhealthy._schedules)
        ):
            driver._pci_manager._heal_due(None)
        self._wait_for_instance_action_event(
            self.server, 'reattach_pci', 'compute_reattach_pci', 'success'
        )
        self.assertSameDevices()

    def test_resume_with_a_busy_device(self) -> None:
        self.flags(group='pci_ext', reattach_delay=0.1)
        self.emit_removed_events()
        self.server = self._suspend_server(self.server)
        self.make_busy(max(self.before))
        self.server = self._resume_server(self.server)
        self.assertReattached()

    def fail_with(self, message: str) -> Any:
        def fail(*args: object, **kwargs: object) -> None:
            raise fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError,
                message,
                error_code=fakelibvirt.VIR_ERR_OPERATION_FAILED,
            )

        return fail

    def make_busy(self, address: str) -> None:
        """Let libvirt refuse a device until `is_busy` is not set any more."""
        self.is_busy = True
        slot = address[8:10]
        original = fakelibvirt.Domain.attachDeviceFlags

        def attach(domain: Any, xml: str, flags: int) -> None:
            if self.is_busy and f'slot="0x{slot}"' in xml:
                self.fail_with('device is in use')()
            original(domain, xml, flags)

        self.useFixture(
            fixtures.MockPatchObject(
                fakelibvirt.Domain, 'attachDeviceFlags', attach
            )
        )

    def refuse_suspend(self) -> None:
        # In Nova's tests casts are calls, so the request fails.
        self.api.post_server_action(
            self.server['id'], {'suspend': None}, check_response_status=[500]
        )
        self._wait_for_instance_action_event(
            self.server, 'suspend', 'compute_suspend_instance', 'error'
        )
        self._wait_for_state_change(self.server, 'ACTIVE')

    def assertReattached(self) -> None:
        """Check that only one device is missing, and attached later."""
        missing = {max(self.before)}
        self.assertEqual(self.before, self.devices_of(self.server))
        self.assertEqual(
            self.before - missing, self.hostdevs_of('compute1', self.server)
        )
        errors = server_state.reattach_errors(self.instance())
        self.assertEqual(missing, set(errors))
        self.is_busy = False
        action = self.api.get_instance_actions(self.server['id'])[0]['action']
        self._wait_for_instance_action_event(
            self.server, action, 'compute_reattach_pci', 'success'
        )
        self.assertSameDevices()
        self.assertEqual({}, server_state.reattach_errors(self.instance()))

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


class PendingDetachTest(test_libvirt_attach.LibvirtAttachTestCase):
    """A new start of the guest releases a device that it was to release."""

    def setUp(self) -> None:
        super().setUp()
        self.attach('2:accelerator')
        self.flags(
            group='libvirt', device_detach_attempts=1, device_detach_timeout=1
        )
        before = self.devices_of(self.server)
        self.address = max(before)
        self.remaining = before - {self.address}
        domain = self.domain()
        original = domain.detachDeviceFlags
        # An unresponsive guest causes neither an error nor an event.
        domain.detachDeviceFlags = lambda xml, flags: None
        self.detach(self.address, result='error')
        domain.detachDeviceFlags = original
        self.assertIn(self.address, self.hostdevs_of('compute1', self.server))

    def assertReleased(self) -> None:
        self.assertEqual(
            self.remaining, self.hostdevs_of('compute1', self.server)
        )
        # Its turn comes seconds after the start.
        manager = self.computes['compute1'].driver._pci_manager
        self.assertIn(self.server['id'], manager._unhealthy)
        manager.guest_restarted(self.server['id'])
        deadline = time.monotonic() + 30
        while manager.workers.is_busy(self.server['id']):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertEqual(self.remaining, self.devices_of(self.server))

    def test_hard_reboot(self) -> None:
        self._reboot_server(self.server, hard=True)
        self.assertReleased()

    def test_stop_and_start(self) -> None:
        self._stop_server(self.server)
        self._start_server(self.server)
        self.assertReleased()

    def test_rebuild(self) -> None:
        self._rebuild_server(
            self.server, '155d900f-4e14-4e4c-a73d-069cbf4541e6'
        )
        self.assertReleased()

    def test_rescue_and_unrescue(self) -> None:
        os.makedirs(libvirt_utils.get_instance_path(self.instance()))
        self.api.post_server_action(self.server['id'], {'rescue': {}})
        self._wait_for_state_change(self.server, 'RESCUE')
        self.assertReleased()
        # The domain before the rescue had the device.
        self.api.post_server_action(self.server['id'], {'unrescue': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assertEqual(
            self.remaining, self.hostdevs_of('compute1', self.server)
        )

    def test_withdrawn_during_a_rescue(self) -> None:
        """The host may need for itself what it does not offer any more."""
        os.makedirs(libvirt_utils.get_instance_path(self.instance()))
        self.api.post_server_action(self.server['id'], {'rescue': {}})
        self._wait_for_state_change(self.server, 'RESCUE')
        self.assertReleased()
        CONF.set_override(
            'pci_information',
            [f'[{{"address": "{each}"}}, {{}}]' for each in self.remaining],
            group='pci_ext',
        )
        self._run_periodics()
        self.api.post_server_action(self.server['id'], {'unrescue': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assertEqual(
            self.remaining, self.hostdevs_of('compute1', self.server)
        )

    def test_snapshot(self) -> None:
        """Nova suspends and resumes the guest for it."""
        self.emit_removed_events()
        self.flags(disable_libvirt_livesnapshot=True, group='workarounds')
        driver = self.computes['compute1'].driver
        instance = self.instance()
        instance.task_state = 'image_snapshot'
        instance.save()
        guest = driver._host.get_guest(instance)
        driver._suspend_guest_for_snapshot(
            self.ctxt, False, power_state.RUNNING, instance
        )
        self.assertEqual(set(), self.hostdevs_of('compute1', self.server))
        driver._resume_guest_after_snapshot(
            self.ctxt, False, power_state.RUNNING, instance, guest
        )
        self.assertEqual(
            self.remaining, self.hostdevs_of('compute1', self.server)
        )
