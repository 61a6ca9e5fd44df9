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

"""Live migration with the libvirt driver."""

from typing import Any

from lxml import etree
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.api import client
from nova.tests.functional.libvirt import base
from nova.virt.libvirt import event as libvirtevent

from pci_ext import server_state
from pci_ext.tests.nova import test_libvirt


class LibvirtLiveMigrationTest(
    base.LibvirtMigrationMixin, test_libvirt.LibvirtTestCase
):
    def setUp(self) -> None:
        super().setUp()
        self.flags(
            group='libvirt', device_detach_attempts=1, device_detach_timeout=1
        )
        self.flags(group='pci_ext', reattach_delay=0)
        for host, bus in ('src', 0x81), ('dest', 0x82):
            self.start_compute(
                hostname=host,
                pci_info=fakelibvirt.HostPCIDevicesInfo(num_pci=2, bus=bus),
            )
        self.src = self.computes['src']
        self.dest = self.computes['dest']

    def boot_on_source(self, request: str) -> None:
        self.server = self.boot(request, host='src')
        self.xml: list[str] = []

    def domain(self) -> Any:
        connection = self.src.driver._host.get_connection()
        return connection.lookupByUUIDString(self.server['id'])

    def emit_removed_events(self) -> None:
        """Send libvirt's event that the guest has released a device."""
        driver = self.src.driver
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

    def make_unresponsive(self) -> None:
        """Detach devices from the definition only, as an unresponsive guest.

        Nova's fixtures have no definition beside the running domain.
        """
        domain = self.domain()
        describe = domain.XMLDesc
        self.attached: list[int] = []
        detached: list[str] = []

        def describe_or_hide(flags: int) -> str:
            xml = etree.fromstring(describe(flags))
            if flags & fakelibvirt.VIR_DOMAIN_XML_INACTIVE and detached:
                for hostdev in xml.findall('devices/hostdev'):
                    hostdev.getparent().remove(hostdev)
            return etree.tostring(xml, encoding='unicode')

        def detach(xml: str, flags: int) -> None:
            if flags & fakelibvirt.VIR_DOMAIN_AFFECT_CONFIG:
                detached.append(xml)

        def attach(xml: str, flags: int) -> None:
            self.attached.append(flags)
            if flags & fakelibvirt.VIR_DOMAIN_AFFECT_CONFIG:
                detached.clear()

        domain.XMLDesc = describe_or_hide
        domain.detachDeviceFlags = detach
        domain.attachDeviceFlags = attach

    def _migrate_stub(
        self, domain: Any, destination: str, params: Any, flags: int
    ) -> None:
        self.xml.append(params['destination_xml'])
        super()._migrate_stub(domain, destination, params, flags)

    def devices(self) -> set[str]:
        return self.devices_of(self.server)

    def assertNoPendingReattach(self) -> None:
        instance = objects.Instance.get_by_uuid(
            self.ctxt, self.server['id'], expected_attrs=['system_metadata']
        )
        self.assertEqual(frozenset(), server_state.pending_reattach(instance))

    def test_hotplug_replaces_the_devices(self) -> None:
        self.boot_on_source('2:mobile')
        self.emit_removed_events()
        self.server = self._live_migrate(self.server)
        self.assertEqual('dest', self.server['OS-EXT-SRV-ATTR:host'])
        [xml] = self.xml
        self.assertNotIn('<hostdev', xml)
        self.assertEqual({'0000:82:00.0', '0000:82:01.0'}, set(self.devices()))
        self.assertEqual(self.devices(), self.hostdevs_of('dest', self.server))
        self.assertNoPendingReattach()

    def test_unresponsive_guest_cancels_the_migration(self) -> None:
        self.boot_on_source('1:mobile')
        devices = self.devices()
        self.make_unresponsive()
        self.server = self._live_migrate(self.server, 'cancelled')
        self.assertEqual('src', self.server['OS-EXT-SRV-ATTR:host'])
        self.assertEqual([], self.xml)
        self.assertEqual(devices, self.devices())
        self.assertEqual(devices, self.hostdevs_of('src', self.server))
        self.assertNoPendingReattach()
        # The device is attached to the definition again, for a reboot.
        self.assertEqual([fakelibvirt.VIR_DOMAIN_AFFECT_CONFIG], self.attached)
        self.reattach()
        self.assertEqual(1, len(self.attached))

    def reattach(self) -> None:
        """Attach a device that the guest has already."""
        instance = objects.Instance.get_by_uuid(
            self.ctxt, self.server['id'], expected_attrs=['pci_devices']
        )
        self.src.driver.attach_pci(self.ctxt, instance, instance.pci_devices)

    def test_refuses_a_forbidden_migration(self) -> None:
        self.boot_on_source('1:accelerator')
        # In this process the conductor raises its error to the API.
        self.assertRaises(
            client.OpenStackApiException, self._live_migrate, self.server
        )
        self.assertEqual([], self.xml)
        self.assertEqual(1, len(self.devices()))
