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

from pci_ext.policies import pci_flavor_limits
from pci_ext.tests.unit.policies import base


class PciFlavorLimitsPolicyTestCase(base.PolicyTestCase):
    def test_only_the_admin_sees_and_changes_limits(self) -> None:
        for rule in (pci_flavor_limits.INDEX, pci_flavor_limits.UPDATE):
            self.assertEqual({'admin'}, self.allowed(rule, {}), rule)
