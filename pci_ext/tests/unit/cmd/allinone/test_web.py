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

from collections.abc import Callable
from collections.abc import Iterable
import json
import os
from typing import Any

import fixtures
from oslotest import base
import urllib3
import webob

from pci_ext.cmd.allinone import network
from pci_ext.cmd.allinone import stub_services
from pci_ext.cmd.allinone import web


def echo(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    start_response('200 OK', [('Content-Type', 'application/json')])
    names = ('SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING')
    return [json.dumps([environ[name] for name in names]).encode()]


class TestServer(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.enterContext(web.Server(0))

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request(
            'GET', f'http://127.0.0.1:{self.server.port}{path}', retries=False
        )

    def test_mounts_applications_below_their_names(self) -> None:
        self.server.mount('a', echo)
        self.server.mount('ab', echo)
        for path, expected in (
            ('/a', ['/a', '', '']),
            ('/a/', ['/a', '/', '']),
            ('/ab/c//d?e=f', ['/ab', '/c//d', 'e=f']),
        ):
            self.assertEqual(expected, self.get(path).json())

    def test_lists_applications_for_an_unknown_path(self) -> None:
        self.server.mount('a', echo)
        for path in ('/', '/b', '/ab'):
            response = self.get(path)
            self.assertEqual(404, response.status)
            self.assertEqual(b'Services: a\n', response.data)

    def test_refuses_a_port_in_use(self) -> None:
        error = self.assertRaises(
            web.PortUnavailable, web.Server, self.server.port
        )
        self.assertIn(f'port {self.server.port}', str(error))

    def test_refuses_an_invalid_port(self) -> None:
        self.assertRaises(web.PortUnavailable, web.Server, 65536)


class TestAuthentication(base.BaseTestCase):
    def identity_headers(self, **headers: str) -> list[str]:
        seen: list[str] = []

        def application(
            environ: dict[str, Any], start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            names = ('USER_ID', 'PROJECT_ID', 'ROLES')
            seen.extend(environ[f'HTTP_X_{name}'] for name in names)
            start_response('200 OK', [])
            return []

        filtered = stub_services.auth_filter_factory({})(application)
        webob.Request.blank('/', headers=headers).get_response(filtered)
        return seen

    def test_user_is_the_administrator_by_default(self) -> None:
        self.assertEqual(list(stub_services.ADMIN), self.identity_headers())
        token = {'X-Auth-Token': 'notused'}
        self.assertEqual(
            list(stub_services.ADMIN), self.identity_headers(**token)
        )

    def test_token_names_user_project_and_roles(self) -> None:
        token = {'X-Auth-Token': 'alice:project:member,reader'}
        self.assertEqual(
            ['alice', 'project', 'member,reader'],
            self.identity_headers(**token),
        )

    def test_ignores_identity_headers_of_the_client(self) -> None:
        headers = {'X-Auth-Token': 'alice:project:reader', 'X-Roles': 'admin'}
        self.assertEqual(
            ['alice', 'project', 'reader'], self.identity_headers(**headers)
        )


class TestImage(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = os.path.join(directory, 'images')
        self.image = stub_services.Image(self.path)

    def send(
        self, method: str, path: str, body: object = None
    ) -> webob.Response:
        request = webob.Request.blank(path, method=method)
        if body is not None:
            request.json = body
        return request.get_response(self.image)

    def names(self, query: str = '') -> list[str]:
        listed = self.send('GET', f'/v2/images{query}').json
        return [image['name'] for image in listed['images']]

    def test_has_one_image(self) -> None:
        self.assertEqual(['tiny'], self.names())
        self.assertEqual(['tiny'], self.names('?name=tiny'))
        self.assertEqual([], self.names('?name=other'))
        shown = self.send(
            'GET', f'/v2/images/{stub_services.IMAGE["id"]}'
        ).json
        self.assertEqual('active', shown['status'])
        schema = self.send('GET', '/v2/schemas/image').json
        self.assertIn('checksum', schema['properties'])

    def test_lists_images_with_a_property(self) -> None:
        created = {'name': 'snapshot', 'instance_uuid': 'uuid'}
        self.send('POST', '/v2/images', created)
        self.assertEqual(
            ['snapshot'], self.names('?instance_uuid=uuid&limit=1')
        )
        self.assertEqual([], self.names('?instance_uuid=other'))

    def test_lists_the_newest_image_first(self) -> None:
        created = self.send('POST', '/v2/images', {'name': 'new'}).json
        self.assertLess(
            stub_services.IMAGE['created_at'], created['created_at']
        )
        self.assertEqual(['new', 'tiny'], self.names())
        query = '?sort_key=created_at&sort_dir=asc'
        self.assertEqual(['tiny', 'new'], self.names(query))

    def test_changes_properties(self) -> None:
        path = f'/v2/images/{stub_services.IMAGE["id"]}'
        for changes, name, os_type in (
            (('add', 'os_type', 'linux'), 'tiny', 'linux'),
            (('replace', 'name', 'other'), 'other', 'linux'),
            (('remove', 'os_type', None), 'other', None),
        ):
            operation, key, value = changes
            change = {'op': operation, 'path': f'/{key}', 'value': value}
            self.assertEqual(
                200, self.send('PATCH', path, [change]).status_int
            )
            self.image = stub_services.Image(self.path)
            shown = self.send('GET', path).json
            self.assertEqual(name, shown['name'])
            self.assertEqual(os_type, shown.get('os_type'))

    def test_image_has_no_tasks(self) -> None:
        path = f'/v2/images/{stub_services.IMAGE["id"]}/tasks'
        self.assertEqual([], self.send('GET', path).json['tasks'])

    def test_unknown_image_is_not_found(self) -> None:
        self.assertEqual(404, self.send('GET', '/v2/images/other').status_int)

    def test_snapshots_remain_after_a_restart(self) -> None:
        created = self.send('POST', '/v2/images', {'name': 'snapshot'})
        self.assertEqual(201, created.status_int)
        path = f'/v2/images/{created.json["id"]}'
        self.assertEqual(204, self.send('PUT', f'{path}/file').status_int)
        self.image = stub_services.Image(self.path)
        self.assertEqual('snapshot', self.send('GET', path).json['name'])
        self.assertEqual(204, self.send('DELETE', path).status_int)
        self.image = stub_services.Image(self.path)
        self.assertEqual(['tiny'], self.names())

    def test_stores_the_content_of_an_image(self) -> None:
        path = f'/v2/images/{stub_services.IMAGE["id"]}'
        self.assertEqual(204, self.send('GET', f'{path}/file').status_int)
        self.assertEqual(204, self.upload(f'{path}/file', b'boot sector'))
        self.image = stub_services.Image(self.path)
        content = self.send('GET', f'{path}/file')
        self.assertEqual('application/octet-stream', content.content_type)
        self.assertEqual(b'boot sector', content.body)
        self.assertEqual(11, self.send('GET', path).json['size'])
        self.send('DELETE', path)
        self.assertEqual(['images'], os.listdir(os.path.dirname(self.path)))

    def upload(self, path: str, content: bytes) -> int:
        request = webob.Request.blank(path, method='PUT', body=content)
        return int(request.get_response(self.image).status_int)


class TestNetwork(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'networks'
        )

    def send(self, method: str, path: str, body: object = None) -> Any:
        request = webob.Request.blank(f'/v2.0{path}', method=method)
        if body is not None:
            request.json = body
        # A new instance for each request: the state has to be stored.
        return request.get_response(network.Network(self.path))

    def test_has_no_resources_at_first(self) -> None:
        for name in ('ports', 'networks', 'network-flavors'):
            self.assertEqual(
                {name.replace('-', '_'): []}, self.send('GET', f'/{name}').json
            )
        self.assertEqual(404, self.send('POST', '/routers', {}).status_int)
        self.assertEqual(404, self.send('GET', '/ports/other').status_int)
        quota = self.send('GET', '/quotas/project').json['quota']
        self.assertEqual(-1, quota['port'])

    def test_binds_a_port_to_the_requested_host(self) -> None:
        net = self.send(
            'POST',
            '/networks',
            {'network': {'provider:segmentation_id': 42}},
        ).json['network']['id']
        created = self.send(
            'POST',
            '/ports',
            {'port': {'network_id': net, 'binding:vnic_type': 'direct'}},
        )
        self.assertEqual(201, created.status_int)
        port = created.json['port']
        self.assertEqual('unbound', port['binding:vif_type'])
        path = f'/ports/{port["id"]}'
        self.send('PUT', path, {'port': {'binding:host_id': 'host-1'}})
        bound = self.send('GET', path).json['port']
        self.assertEqual('hw_veb', bound['binding:vif_type'])
        self.assertEqual({'vlan': 42}, bound['binding:vif_details'])
        for query, expected in (
            (f'?network_id={net}&fields=id', [bound]),
            (f'?device_id=x&network_id={net}', []),
            ('?id=x&id=' + port['id'], [bound]),
        ):
            found = self.send('GET', f'/ports{query}').json['ports']
            self.assertEqual(expected, found)
        self.assertEqual(204, self.send('DELETE', path).status_int)
        self.assertEqual([], self.send('GET', '/ports').json['ports'])
