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

"""The check of the claims at the destination of a live migration."""

import fixtures
from nova import exception as nova_exception
from nova import objects

from pci_ext.compute.migration import destination
from pci_ext.tests.component.compute.migration import source_server


class VerifiedClaimsTestCase(source_server.SourceTestCase):
    def verify(self, product_id: str) -> None:
        """Verify the claims of a server with devices of a product id."""
        instance = self.instance(self.server)
        at_source = [device.obj_clone() for device in instance.pci_devices]
        for device in at_source:
            device.product_id = product_id
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.objects.PciDeviceList.get_by_instance_uuid',
                lambda *_args: objects.PciDeviceList(objects=at_source),
            )
        )
        with destination.verified_claims(self.compute, self.context, instance):
            pass

    def test_native_accepts_the_same_model(self) -> None:
        self.set_policy(live_migration='native')
        self.verify('0001')

    def test_native_refuses_another_model(self) -> None:
        self.set_policy(live_migration='native')
        error = self.assertRaises(
            nova_exception.MigrationPreCheckError, self.verify, '0002'
        )
        self.assertIn('has other PCI devices than the server', str(error))

    def test_hotplug_accepts_another_model(self) -> None:
        self.set_policy(live_migration='hotplug')
        self.verify('0002')
