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

"""Devices that a guest was to release are not given back to it."""

import types
from typing import Any

from nova import objects
from nova import test
from nova.compute import power_state
from nova.network import model as network_model
from nova.tests.fixtures import libvirt as fakelibvirt
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext import server_state
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.virt.libvirt import domain_xml
from pci_ext.virt.libvirt import driver

KEPT, PENDING = '0000:81:00.0', '0000:81:01.0'
DOMAIN = """
<domain><devices>
  <hostdev type='pci'><source>
    <address domain='0x0000' bus='0x81' slot='0x00' function='0x0'/>
  </source></hostdev>
  <hostdev type='pci'><source>
    <address domain='0x0000' bus='0x81' slot='0x01' function='0x0'/>
  </source></hostdev>
</devices></domain>
"""


class Guest:
    """A fake of Nova's Host, and of the guest that it returns."""

    xml = DOMAIN

    def get_guest(self, instance: objects.Instance) -> Any:
        return self

    def is_active(self) -> bool:
        return True

    def get_power_state(self, host: Any) -> int:
        return int(power_state.RUNNING)

    def launch(self, pause: bool) -> None:
        """Do nothing."""

    def get_xml_desc(self) -> str:
        return self.xml


class PendingDetachTest(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fakelibvirt.LibvirtFixture())
        self.useFixture(pci_ext_fixtures.Activation())
        devices = [
            objects.PciDevice(
                address=address, compute_node_id=1, request_id=uuids.request
            )
            for address in (KEPT, PENDING)
        ]
        self.instance = objects.Instance(
            uuid=uuids.server,
            system_metadata={},
            pci_devices=objects.PciDeviceList(objects=devices),
            pci_requests=objects.InstancePCIRequests(
                requests=[
                    objects.InstancePCIRequest(
                        request_id=uuids.request, alias_name='gpu'
                    )
                ]
            ),
            info_cache=objects.InstanceInfoCache(
                network_info=network_model.NetworkInfo()
            ),
        )
        self.instance.system_metadata[
            f'{server_state.PENDING_DETACH.prefix}{PENDING}'
        ] = f'req-1 1 {uuids.request}'
        tracker = types.SimpleNamespace(pci_devs=devices)
        compute = types.SimpleNamespace(
            rt=types.SimpleNamespace(pci_tracker=tracker)
        )
        self.driver = driver.LibvirtDriver(
            types.SimpleNamespace(_compute=compute), read_only=True
        )
        self.guest = self.driver._host = Guest()
        self.driver._prepare_devices = self.drop_pending

    def drop_pending(self, instance: objects.Instance) -> None:
        """Take the place of a method that reads the database."""
        instance.pci_devices = objects.PciDeviceList(
            objects=[
                device
                for device in instance.pci_devices
                if device.address != PENDING
            ]
        )

    def test_domain_for_the_end_of_a_rescue(self) -> None:
        xml = self.driver._get_existing_domain_xml(self.instance, [])
        self.assertEqual({KEPT}, domain_xml.hostdev_addresses(xml))

    def test_end_of_a_snapshot(self) -> None:
        attached: list[str] = []
        self.stub_out(
            'nova.virt.libvirt.driver.LibvirtDriver._attach_pci_devices',
            lambda driver, guest, devices: attached.extend(
                device.address for device in devices
            ),
        )
        self.driver.cpu_api = types.SimpleNamespace(
            power_up_for_instance=lambda instance: None
        )
        self.driver._resume_guest_after_snapshot(
            None, False, power_state.RUNNING, self.instance, self.guest
        )
        self.assertEqual([KEPT], attached)

    def test_failed_suspend(self) -> None:
        self.guest.xml = '<domain><devices/></domain>'
        missing = self.driver._missing(self.instance)
        self.assertEqual([KEPT], [device.address for device in missing])
