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

from typing import Any

from pci_ext.tests.unit.cmd.allinone import base

GROUPS = '/security-groups'
RULES = '/security-group-rules'


class TestSecurityGroups(base.TestCase):
    def names(self) -> list[str]:
        listed = self.send('GET', f'{GROUPS}?tenant_id=project').json
        return [group['name'] for group in listed['security_groups']]

    def rules(self, group: dict[str, Any]) -> list[dict[str, Any]]:
        shown = self.send('GET', f'{GROUPS}/{group["id"]}').json
        return list(shown['security_group']['security_group_rules'])

    def status(self, method: str, path: str, body: object = None) -> int:
        return int(self.send(method, path, body).status_int)

    def test_each_project_has_a_default_group(self) -> None:
        self.assertEqual(['default'], self.names())
        self.assertEqual(['default'], self.names())
        (group,) = self.send('GET', GROUPS).json['security_groups']
        path = f'{GROUPS}/{group["id"]}'
        self.assertEqual(409, self.status('DELETE', path))
        self.create('network')
        self.token = 'admin:other:admin'
        self.assertEqual(204, self.status('DELETE', path))

    def test_port_has_the_default_group_of_its_project(self) -> None:
        (group,) = self.send('GET', GROUPS).json['security_groups']
        for is_secure, expected in ((True, [group['id']]), (False, [])):
            network = self.create('network', port_security_enabled=is_secure)
            port = self.create('port', network_id=network['id'])
            self.assertEqual(expected, port['security_groups'])

    def test_group_in_use_is_not_deleted(self) -> None:
        group = self.create('security_group', name='group')
        self.assertEqual(['default', 'group'], self.names())
        network = self.create('network')
        groups = [group['id']]
        port = self.create(
            'port', network_id=network['id'], security_groups=groups
        )
        path = f'{GROUPS}/{group["id"]}'
        self.assertEqual(409, self.status('DELETE', path))
        self.send('DELETE', f'/ports/{port["id"]}')
        self.assertEqual(204, self.status('DELETE', path))
        self.assertEqual(['default'], self.names())

    def test_rules_of_a_group(self) -> None:
        group = self.create('security_group', name='group')
        other = self.create('security_group', name='other')
        rule = {'security_group_id': group['id'], 'protocol': 'tcp'}
        with_other = rule | {'remote_group_id': other['id']}
        created = self.send(
            'POST', RULES, {'security_group_rules': [rule, with_other]}
        ).json['security_group_rules']
        self.assertEqual(created, self.rules(group))
        self.send('DELETE', f'{GROUPS}/{other["id"]}')
        self.assertEqual(created[:1], self.rules(group))
        for values, status in (
            ({}, 409),
            ({'protocol': 'other'}, 400),
            ({'security_group_id': 'other'}, 404),
        ):
            body = {'security_group_rule': rule | values}
            self.assertEqual(status, self.status('POST', RULES, body))
        self.send('DELETE', f'{RULES}/{created[0]["id"]}')
        self.assertEqual([], self.rules(group))

    def test_unknown_group(self) -> None:
        response = self.send('GET', f'{GROUPS}/other')
        self.assertEqual(404, response.status_int)
        self.assertEqual(
            'SecurityGroupNotFound', response.json['NeutronError']['type']
        )
