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

"""Attach and detach with the libvirt driver."""

import threading
import time
from typing import Any

import fixtures
from lxml import etree
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import event as libvirtevent
from oslo_context import context as oslo_context

from pci_ext import server_state
from pci_ext.api import pci_actions
from pci_ext.tests.component.db import base as db_base
from pci_ext.tests.nova import test_libvirt

REQUEST = 'pci_passthrough:pci_flavor'

#: Refusals of QEMU in the seconds after a plug, and after a request.
BUSY = (
    'Hot-unplug failed: guest is busy (power indicator blinking)',
    'Device hostdev1 is already in the process of unplug',
)


class LibvirtAttachTestCase(test_libvirt.LibvirtTestCase):
    """One server; Nova's fixtures have one XML, live and as definition."""

    NUM_PFS = 0

    def setUp(self) -> None:
        super().setUp()
        # It contains the limits, which an attach is charged against.
        self.useFixture(db_base.Database())
        self.start_compute(
            pci_info=fakelibvirt.HostPCIDevicesInfo(
                num_pci=4, num_pfs=self.NUM_PFS, num_vfs=2 * self.NUM_PFS
            )
        )
        self.server = self.boot('1:accelerator')
        self.attached: list[tuple[str, int]] = []

    def domain(self) -> Any:
        connection = self.computes['compute1'].driver._host.get_connection()
        return connection.lookupByUUIDString(self.server['id'])

    def emit_removed_events(self) -> None:
        """Send libvirt's event that the guest has released a device."""
        driver = self.computes['compute1'].driver
        domain = self.domain()
        original = domain.detachDeviceFlags

        def detach(xml: str, flags: int) -> None:
            original(xml, flags)
            for waiter in list(driver._device_event_handler._waiters):
                driver.emit_event(
                    libvirtevent.DeviceRemovedEvent(
                        waiter.instance_uuid, waiter.device_name
                    )
                )

        domain.detachDeviceFlags = detach

    def instance(self) -> objects.Instance:
        # Nova finds an action by the id of its request.
        self.ctxt.request_id = oslo_context.generate_request_id()
        return objects.Instance.get_by_uuid(
            self.ctxt,
            self.server['id'],
            expected_attrs=['flavor', 'system_metadata'],
        )

    def wait(self, result: str) -> None:
        """Wait until the last action ends with a result."""
        action = self.api.get_instance_actions(self.server['id'])[0]['action']
        self._wait_for_instance_action_event(
            self.server, action, f'compute_{action}', result
        )
        self._wait_for_server_parameter(
            self.server, {'OS-EXT-STS:task_state': None}
        )

    def assertDeviceMetadata(self, count: int) -> None:
        """Check the number of devices in the metadata of the server."""
        metadata = self.instance().device_metadata
        self.assertEqual(
            [['accelerator']] * count,
            [device.tags for device in metadata.devices],
        )
        addresses = {device.bus.address for device in metadata.devices}
        self.assertEqual(count, len(addresses))

    def attach(self, request: str, result: str = 'success') -> None:
        instance = self.instance()
        requests = pci_actions.resolve(instance, {REQUEST: request})
        pci_actions.PciActions().attach_pci(self.ctxt, instance, requests)
        self.wait(result)

    def detach(self, *addresses: str, result: str = 'success') -> None:
        dev_ids = [
            'pci_' + each.replace(':', '_').replace('.', '_')
            for each in addresses
        ]
        pci_actions.PciActions().detach_pci(
            self.ctxt, self.instance(), dev_ids
        )
        self.wait(result)


class LibvirtAttachTest(LibvirtAttachTestCase):
    def test_attaches_and_detaches(self) -> None:
        self.assertDeviceMetadata(1)
        domain = self.domain()
        original = domain.attachDeviceFlags
        domain.attachDeviceFlags = lambda xml, flags: (
            self.attached.append((xml, flags)),
            original(xml, flags),
        )
        self.attach('2:accelerator')
        self.assertDeviceMetadata(3)
        devices = self.devices_of(self.server)
        self.assertEqual(3, len(devices))
        self.assertEqual(devices, self.hostdevs_of('compute1', self.server))
        self.assertEqual(2, len(self.attached))
        for xml, flags in self.attached:
            self.assertEqual('yes', etree.fromstring(xml).get('managed'))
            self.assertEqual(
                fakelibvirt.VIR_DOMAIN_AFFECT_LIVE
                | fakelibvirt.VIR_DOMAIN_AFFECT_CONFIG,
                flags,
            )
        self.emit_removed_events()
        first = min(devices)
        self.detach(first)
        self.assertDeviceMetadata(2)
        self.assertEqual(devices - {first}, self.devices_of(self.server))
        self.assertEqual(
            devices - {first}, self.hostdevs_of('compute1', self.server)
        )

    def test_graceful_stop_waits_for_an_attach(self) -> None:
        self.flags(manager_shutdown_timeout=120, graceful_shutdown_timeout=180)
        compute = self.computes['compute1']
        domain = self.domain()
        original = domain.attachDeviceFlags
        begun, may_end = threading.Event(), threading.Event()

        def attach(xml: str, flags: int) -> None:
            begun.set()
            may_end.wait(60)
            original(xml, flags)

        domain.attachDeviceFlags = attach
        instance = self.instance()
        requests = pci_actions.resolve(instance, {REQUEST: 'accelerator'})
        pci_actions.PciActions().attach_pci(self.ctxt, instance, requests)
        self.assertTrue(begun.wait(60))
        stop = threading.Thread(target=compute.stop)
        stop.start()
        self.assertTrue(compute.manager._shutdown_in_progress.wait(60))
        stop.join(1)
        self.assertTrue(stop.is_alive())
        may_end.set()
        stop.join(60)
        self.assertFalse(stop.is_alive())
        self.wait('success')
        self.assertEqual(2, len(self.devices_of(self.server)))

    def test_survives_reboots(self) -> None:
        self.attach('2:accelerator')
        devices = self.devices_of(self.server)
        self._reboot_server(self.server, hard=True)
        self.assertEqual(devices, self.devices_of(self.server))
        self.assertEqual(devices, self.hostdevs_of('compute1', self.server))

    def test_attaches_to_a_stopped_server(self) -> None:
        self.server = self._stop_server(self.server)
        self.attach('2:accelerator')
        self.server = self._start_server(self.server)
        devices = self.devices_of(self.server)
        self.assertEqual(3, len(devices))
        self.assertEqual(devices, self.hostdevs_of('compute1', self.server))

    def test_undoes_an_attach_refused_by_libvirt(self) -> None:
        before = self.devices_of(self.server)
        self.emit_removed_events()
        domain = self.domain()
        original = domain.attachDeviceFlags

        def attach(xml: str, flags: int) -> None:
            if self.attached:
                raise fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError,
                    'in use by driver QEMU',
                    error_code=fakelibvirt.VIR_ERR_OPERATION_INVALID,
                )
            self.attached.append((xml, flags))
            original(xml, flags)

        domain.attachDeviceFlags = attach
        self.attach('2:accelerator', 'error')
        self.assertEqual(before, self.devices_of(self.server))
        self.assertEqual(before, self.hostdevs_of('compute1', self.server))

    def refuse_detach(self, text: str, count: int) -> list[int]:
        """Let QEMU refuse the first requests to the running guest."""
        refused: list[int] = []
        domain = self.domain()
        original = domain.detachDeviceFlags

        def detach(xml: str, flags: int) -> None:
            if (
                flags & fakelibvirt.VIR_DOMAIN_AFFECT_LIVE
                and len(refused) < count
            ):
                refused.append(flags)
                raise fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError,
                    text,
                    error_code=fakelibvirt.VIR_ERR_OPERATION_FAILED,
                    error_message=text,
                )
            original(xml, flags)

        domain.detachDeviceFlags = detach
        return refused

    def test_asks_a_busy_guest_again(self) -> None:
        self.emit_removed_events()
        before = self.devices_of(self.server)
        for text in BUSY:
            self.attach('accelerator')
            [address] = self.devices_of(self.server) - before
            refused = self.refuse_detach(text, 2)
            self.detach(address)
            self.assertEqual(2, len(refused))
            self.assertEqual(before, self.devices_of(self.server))

    def test_undoes_an_attach_while_the_guest_is_busy(self) -> None:
        before = self.devices_of(self.server)
        self.emit_removed_events()
        refused = self.refuse_detach(BUSY[0], 2)
        domain = self.domain()
        original = domain.attachDeviceFlags

        def attach(xml: str, flags: int) -> None:
            if self.attached:
                raise fakelibvirt.make_libvirtError(
                    fakelibvirt.libvirtError, 'in use by driver QEMU'
                )
            self.attached.append((xml, flags))
            original(xml, flags)

        domain.attachDeviceFlags = attach
        self.attach('2:accelerator', 'error')
        self.assertEqual(2, len(refused))
        self.assertEqual(before, self.devices_of(self.server))
        self.assertEqual(before, self.hostdevs_of('compute1', self.server))
        self.assertEqual({}, server_state.pending_detaches(self.instance()))

    def test_gives_up_a_guest_that_stays_busy(self) -> None:
        self.flags(
            group='libvirt', device_detach_attempts=2, device_detach_timeout=1
        )
        [address] = before = self.devices_of(self.server)
        # Nova's fixture has no definition beside the guest.
        self.domain().detachDeviceFlags = lambda xml, flags: None
        refused = self.refuse_detach(BUSY[0], 100)
        self.detach(address, result='error')
        self.assertEqual(before, self.devices_of(self.server))
        self.assertEqual(4, len(refused))

    def test_frees_a_device_released_after_the_timeout(self) -> None:
        self.flags(
            group='libvirt', device_detach_attempts=1, device_detach_timeout=1
        )
        [address] = before = self.devices_of(self.server)
        domain = self.domain()
        original = domain.detachDeviceFlags
        # An unresponsive guest causes neither an error nor an event.
        domain.detachDeviceFlags = lambda xml, flags: None
        self.detach(address, result='error')
        self.assertEqual(before, self.devices_of(self.server))
        # The guest releases the device after the timeout.
        driver = self.computes['compute1'].driver
        [device] = objects.PciDeviceList.get_by_instance_uuid(
            self.ctxt, self.server['id']
        )
        original(driver._get_guest_pci_device(device).to_xml(), 0)
        driver.emit_event(
            libvirtevent.DeviceRemovedEvent(self.server['id'], 'hostdev0')
        )
        for _ in range(100):
            if not driver._pci_manager.workers.is_busy(self.server['id']):
                break
            time.sleep(0.1)
        devices = objects.PciDeviceList.get_by_instance_uuid(
            self.ctxt, self.server['id']
        )
        self.assertEqual([], list(devices))


class PhysicalFunctionTest(LibvirtAttachTestCase):
    NUM_PFS = 1

    def setUp(self) -> None:
        # The audit at the start of nova-compute would list the guests too.
        self.useFixture(
            fixtures.MockPatch('pci_ext.compute.manager.Manager._recover')
        )
        super().setUp()

    def test_ignores_a_guest_that_has_ended(self) -> None:
        """An attach of a PF checks each running guest for its VFs."""
        flags_seen: list[int] = []

        def gone(flags: int) -> str:
            flags_seen.append(flags)
            raise fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError,
                'Domain not found',
                error_code=fakelibvirt.VIR_ERR_NO_DOMAIN,
            )

        other = self.boot('1:accelerator')
        connection = self.computes['compute1'].driver._host.get_connection()
        connection.lookupByUUIDString(other['id']).XMLDesc = gone
        self.attach('1:card')
        self.assertEqual([0], flags_seen)
        self.assertEqual(2, len(self.devices_of(self.server)))
