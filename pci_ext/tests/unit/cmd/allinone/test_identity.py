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

from oslotest import base
import webob

from pci_ext.cmd.allinone import identity
from pci_ext.cmd.allinone import stub_services


class TestIdentity(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.identity = identity.Identity(stub_services.ADMIN)

    def send(
        self, method: str, path: str, body: object = None
    ) -> webob.Response:
        request = webob.Request.blank(
            path, method=method, base_url='http://127.0.0.1:1234/identity'
        )
        if body is not None:
            request.json = body
        return request.get_response(self.identity)

    def log_in(self, user: str, project: str) -> webob.Response:
        user_body = {'name': user, 'password': 'any'}
        return self.send(
            'POST',
            '/v3/auth/tokens',
            {
                'auth': {
                    'identity': {'password': {'user': user_body}},
                    'scope': {'project': {'name': project}},
                }
            },
        )

    def test_every_project_exists(self) -> None:
        shown = self.send('GET', '/v3/projects/a').json['project']
        self.assertEqual('a', shown['id'])

    def test_versions(self) -> None:
        for path, status in (('', 300), ('/', 300), ('/v3', 200)):
            self.assertEqual(status, self.send('GET', path).status_int)

    def test_token_of_the_administrator(self) -> None:
        user, project, _ = stub_services.ADMIN
        response = self.log_in(user, project)
        self.assertEqual(201, response.status_int)
        self.assertEqual(
            f'{user}:{project}:admin,manager,member,reader',
            response.headers['X-Subject-Token'],
        )
        token: dict[str, Any] = response.json['token']
        self.assertEqual(project, token['project']['id'])
        (compute,) = (
            service['endpoints'][0]['url']
            for service in token['catalog']
            if service['type'] == 'compute'
        )
        self.assertEqual('http://127.0.0.1:1234/compute/v2.1', compute)

    def test_user_has_the_assigned_role_and_those_it_implies(self) -> None:
        self.assertEqual(401, self.log_in('alice', 'one').status_int)
        for kind, name in (('user', 'alice'), ('project', 'one')):
            created = self.send('POST', f'/v3/{kind}s', {kind: {'name': name}})
            self.assertEqual(name, created.json[kind]['id'])
        path = '/v3/projects/one/users/alice/roles/member'
        self.assertEqual(204, self.send('PUT', path).status_int)
        self.assertEqual(
            'alice:one:member,reader',
            self.log_in('alice', 'one').headers['X-Subject-Token'],
        )
        self.assertEqual(401, self.log_in('alice', 'other').status_int)
        self.send('DELETE', path)
        self.assertEqual(401, self.log_in('alice', 'one').status_int)

    def test_lists(self) -> None:
        roles = [
            role['name']
            for role in self.send('GET', '/v3/roles').json['roles']
        ]
        self.assertLess({'admin', 'member', 'reader'}, set(roles))
        self.assertEqual([], self.send('GET', '/v3/projects').json['projects'])
