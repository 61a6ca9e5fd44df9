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

from pci_ext.policies import pci_flavors
from pci_ext.tests.unit.policies import base


class PciFlavorsPolicyTestCase(base.PolicyTestCase):
    def test_readers_see_pci_flavors(self) -> None:
        for rule in (
            pci_flavors.INDEX,
            pci_flavors.DETAIL,
            pci_flavors.SHOW,
            pci_flavors.USAGE,
        ):
            self.assertEqual(
                {'admin', 'member', 'reader'}, self.allowed(rule, None), rule
            )

    def test_only_the_admin_changes_pci_flavors(self) -> None:
        for rule in (
            pci_flavors.CREATE,
            pci_flavors.UPDATE,
            pci_flavors.DELETE,
            pci_flavors.EVALUATE,
        ):
            self.assertEqual({'admin'}, self.allowed(rule, {}), rule)
