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

from pci_ext.policies import pci_devices
from pci_ext.policies import pci_pools
from pci_ext.tests.unit.policies import base


class PciDevicesPolicyTestCase(base.PolicyTestCase):
    def test_only_the_admin_sees_devices_of_hosts(self) -> None:
        for rule in (pci_devices.INDEX, pci_devices.SHOW, pci_pools.INDEX):
            self.assertEqual({'admin'}, self.allowed(rule, {}), rule)

    def test_readers_see_devices_of_their_project(self) -> None:
        for rule in (pci_devices.SERVER, pci_devices.SERVER_LOCATION):
            self.assertEqual(
                {'admin', 'member', 'reader'},
                self.allowed(rule, {'project_id': base.OWN_PROJECT}),
            )

    def test_only_the_admin_sees_devices_of_other_projects(self) -> None:
        for rule in (pci_devices.SERVER, pci_devices.SERVER_LOCATION):
            self.assertEqual(
                {'admin'},
                self.allowed(rule, {'project_id': base.OTHER_PROJECT}),
            )
