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

from openstack_auth import policy as horizon_policy

from pci_ext import policies
from pci_ext_dashboard.test import base
from tools import dashboard_policies


class PoliciesTestCase(base.DashboardTestCase):
    def test_files_are_those_that_the_tool_writes(self) -> None:
        self.assertEqual(
            dashboard_policies.default_policies(),
            dashboard_policies.DEFAULTS.read_text(),
        )

    def test_horizon_decides_as_the_api(self) -> None:
        for role in (*base.ROLES, 'nobody'):
            self.log_in_as(role)
            for rule in policies.list_rules():
                with self.subTest(role=role, rule=rule.name):
                    self.assertEqual(
                        self.api.allows(rule.name),
                        horizon_policy.check(
                            (('pci_ext', rule.name),), self.request
                        ),
                    )
