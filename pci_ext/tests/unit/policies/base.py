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

"""Checks policies as Nova enforces them."""

from nova import context
from nova import exception
from nova import test
from nova.tests import fixtures as nova_fixtures

from pci_ext.api import policy

OWN_PROJECT = 'd2b25c3ebf6847e2b1a5a0d4fc09e2ae'
OTHER_PROJECT = '6f70656e737461636b20342065766572'

ROLES = {
    'admin': ['admin', 'manager', 'member', 'reader'],
    'member': ['member', 'reader'],
    'reader': ['reader'],
    'foreign': ['something-else'],
}


class PolicyTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(nova_fixtures.RealPolicyFixture())

    def allowed(self, rule: str, target: dict[str, str] | None) -> set[str]:
        """Return the keys of ROLES that a rule allows for a target."""
        allowed = set()
        for user, roles in ROLES.items():
            user_context = context.RequestContext(
                user_id=user, project_id=OWN_PROJECT, roles=roles
            )
            try:
                policy.authorize(user_context, rule, target=target)
                allowed.add(user)
            except exception.PolicyNotAuthorized:
                self.assertFalse(
                    policy.authorize(
                        user_context, rule, target=target, fatal=False
                    )
                )
        return allowed
