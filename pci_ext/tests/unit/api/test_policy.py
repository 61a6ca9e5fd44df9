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

import configparser
from importlib import metadata
import pathlib

from nova import context
from nova import exception
from nova import policy as nova_policy
from nova import test
from nova.policies import servers as nova_servers

import pci_ext
from pci_ext import policies
from pci_ext.api import policy
from pci_ext.policies import pci_flavors


class RegisterRulesTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reader = context.RequestContext(
            user_id='user', project_id='project', roles=['reader']
        )

    def test_rules_can_be_registered_twice(self) -> None:
        policy.register_rules()
        policy.register_rules()
        self.assertIn(
            pci_flavors.CREATE, nova_policy._ENFORCER.registered_rules
        )

    def test_rules_are_registered_again_after_a_reset(self) -> None:
        policy.register_rules()
        nova_policy.reset()
        self.assertTrue(policy.authorize(self.reader, pci_flavors.INDEX))
        self.assertRaises(
            exception.PolicyNotAuthorized,
            policy.authorize,
            self.reader,
            pci_flavors.CREATE,
            target={},
        )

    def test_commands_of_oslo_policy_find_the_rules(self) -> None:
        setup = configparser.ConfigParser()
        setup.read(pathlib.Path(pci_ext.__file__).parents[1] / 'setup.cfg')
        entry_points = setup['entry_points']['oslo.policy.enforcer']
        (entry_point,) = entry_points.strip().splitlines()
        name, _, target = entry_point.partition(' = ')
        loaded = metadata.EntryPoint(name, target, 'oslo.policy.enforcer')
        registered = loaded.load()().registered_rules
        for rule in policies.list_rules():
            self.assertIn(rule.name, registered)
        self.assertIn(nova_servers.SERVERS % 'show', registered)

    def test_the_policy_file_overrides_the_default(self) -> None:
        self.policy.set_rules({pci_flavors.INDEX: 'role:auditor'})
        self.assertFalse(
            policy.authorize(self.reader, pci_flavors.INDEX, fatal=False)
        )
