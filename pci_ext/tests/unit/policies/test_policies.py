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

from oslo_policy import policy
from oslotest import base

from pci_ext import policies
from pci_ext.policies import pci_devices
from pci_ext.policies import pci_flavor_access
from pci_ext.policies import pci_flavor_limits
from pci_ext.policies import pci_flavors
from pci_ext.policies import pci_pools
from pci_ext.policies import pci_versions


class ListRulesTestCase(base.BaseTestCase):
    def test_lists_the_rules_of_every_module(self) -> None:
        self.assertCountEqual(
            [
                rule.name
                for module in (
                    pci_devices,
                    pci_flavor_access,
                    pci_flavor_limits,
                    pci_flavors,
                    pci_pools,
                    pci_versions,
                )
                for rule in module.list_rules()
            ],
            [rule.name for rule in policies.list_rules()],
        )

    def test_every_rule_is_documented(self) -> None:
        for rule in policies.list_rules():
            self.assertIsInstance(rule, policy.DocumentedRuleDefault)
            self.assertEqual(['project'], rule.scope_types, rule.name)
            self.assertTrue(rule.operations, rule.name)
