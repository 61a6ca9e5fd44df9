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

from nova import objects

from pci_ext.compute import instance_devices
from pci_ext.requests import instance_requests
from pci_ext.tests.component.compute import base
from pci_ext.virt.libvirt import device_metadata

FIRST = {**base.GPU, 'pci_flavor': 'first'}
SECOND = {'vendor_id': '8086', 'pci_flavor': 'second'}


class DescribeTestCase(base.HostTestCase):
    def tags(self, *spec: dict[str, str], **values: object) -> list[str]:
        """Return the tags of the device of a server with a request."""
        uuid = self.create_server(1)
        instance = self.instance(uuid)
        (request,) = instance_requests.list_requests(instance)
        request.spec = list(spec)
        for key, value in values.items():
            setattr(request, key, value)
        instance_devices.save_requests(instance, [request])
        (own,) = (device.address for device in instance.pci_devices)
        other = 'ffff:00:00.0'
        self.assertEqual([], self.describe(instance, {other: '0000:09:00.0'}))
        described = self.describe(
            instance, {own: '0000:0a:00.0', other: '0000:09:00.0'}
        )
        for each in described:
            self.assertIs(objects.DeviceMetadata, type(each))
            self.assertEqual('0000:0a:00.0', each.bus.address)
        return [tag for each in described for tag in each.tags]

    def describe(
        self, instance: objects.Instance, addresses: dict[str, str]
    ) -> list[objects.DeviceMetadata]:
        return list(
            device_metadata.describe(self.compute.rt, instance, addresses)
        )

    def test_tags_the_pci_flavor(self) -> None:
        self.assertEqual(['first'], self.tags(FIRST))

    def test_tags_the_allocated_alternative(self) -> None:
        other = {**SECOND, 'product_id': '9999'}
        self.assertEqual(['first'], self.tags(other, FIRST))
        self.assertEqual(['second'], self.tags(SECOND, FIRST))

    def test_tags_the_device_name(self) -> None:
        self.assertEqual(['10GE'], self.tags({'pci_name': '10GE'}))

    def test_alias_has_no_tags(self) -> None:
        self.assertEqual([], self.tags(base.GPU))

    def test_port_has_no_tags(self) -> None:
        self.assertEqual([], self.tags(FIRST, alias_name=None))
