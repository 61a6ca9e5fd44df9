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

"""The requests that each role may make, by Nova's api-paste.ini.

Tokens are checked by keystonemiddleware; only keystone is a stub.
"""

import configparser
from typing import Any

from keystonemiddleware import fixture as keystone_fixture
from nova import context as nova_context
from nova import objects
from nova.api import wsgi
from nova.api.openstack import wsgi_app  # noqa: F401
from nova.api.openstack.compute import routes
from nova.compute import vm_states
from nova.tests import fixtures as nova_fixtures
from oslo_config import cfg
from oslo_serialization import jsonutils
from oslo_utils.fixture import uuidsentinel
import webob

from pci_ext.api import router
from pci_ext.db import api as db_api
from pci_ext.db import pci_flavor_limits as limits_db
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests import fixtures
from pci_ext.tests.component.api import base
from pci_ext.tests.component.db import base as db_base

#: Project and roles by user.
USERS = {
    'admin': (base.OTHER_PROJECT, ('admin', 'manager', 'member', 'reader')),
    'member': (base.OWN_PROJECT, ('member', 'reader')),
    'reader': (base.OWN_PROJECT, ('reader',)),
    'other': (base.OTHER_PROJECT, ('member', 'reader')),
    'roleless': (base.OWN_PROJECT, ('something-else',)),
}

NEW = {'pci_flavor': {'name': 'new'}}
CHANGE = {'pci_flavor': {'description': 'changed'}}
ACCESS = {'pci_flavor_access': {'project_id': base.OTHER_PROJECT}}
LIMIT = {'pci_flavor_limits': {'default': 1}}
EVALUATE = {'evaluate': {'request': '1:public'}}

FLAVOR = '/os-pci-flavors/{id}'
PROJECTS = '/os-pci-flavors/{pci_flavor_id}/access'
PROJECT = '/os-pci-flavors/{pci_flavor_id}/access/{id}'
LIMITS = '/os-pci-flavors/{pci_flavor_id}/limits'

#: Method, route, path, body, and the status for each user.
MATRIX: tuple[tuple[str, str, str, Any, dict[str, int]], ...] = tuple(
    (
        method,
        route,
        path,
        body,
        {**dict(zip(USERS, statuses, strict=True)), 'anonymous': 401},
    )
    # In the order of USERS: admin, member, reader, other, roleless.
    for method, route, path, body, statuses in (
        (
            *('GET', '/os-pci', '/os-pci', None),
            (200, 200, 200, 200, 200),
        ),
        (
            *('GET', '/os-pci/openapi.json', '/os-pci/openapi.json', None),
            (200, 200, 200, 200, 200),
        ),
        (
            *('GET', '/os-pci-flavors', '/os-pci-flavors', None),
            (200, 200, 200, 200, 403),
        ),
        (
            *('GET', '/os-pci-flavors/detail', '/os-pci-flavors/detail', None),
            (200, 200, 200, 200, 403),
        ),
        (
            *('POST', '/os-pci-flavors', '/os-pci-flavors', NEW),
            (201, 403, 403, 403, 403),
        ),
        (
            *('GET', FLAVOR, '/os-pci-flavors/0', None),
            (200, 200, 200, 200, 403),
        ),
        (
            *('GET', FLAVOR, '/os-pci-flavors/public', None),
            (200, 200, 200, 200, 403),
        ),
        (
            *('GET', FLAVOR, '/os-pci-flavors/private', None),
            (200, 200, 200, 404, 403),
        ),
        (
            *('PUT', FLAVOR, '/os-pci-flavors/private', CHANGE),
            (200, 403, 403, 403, 403),
        ),
        (
            *('DELETE', FLAVOR, '/os-pci-flavors/private', None),
            (204, 403, 403, 403, 403),
        ),
        (
            *('GET', PROJECTS, '/os-pci-flavors/private/access', None),
            (200, 403, 403, 403, 403),
        ),
        (
            *('POST', PROJECTS, '/os-pci-flavors/private/access', ACCESS),
            (201, 403, 403, 403, 403),
        ),
        (
            *('DELETE', PROJECT),
            f'/os-pci-flavors/private/access/{base.OWN_PROJECT}',
            None,
            (204, 403, 403, 403, 403),
        ),
        (
            *('GET', LIMITS, '/os-pci-flavors/private/limits', None),
            (200, 403, 403, 403, 403),
        ),
        (
            *('PUT', LIMITS, '/os-pci-flavors/private/limits', LIMIT),
            (200, 403, 403, 403, 403),
        ),
        (
            *('GET', '/os-pci-limits', '/os-pci-limits', None),
            (200, 200, 200, 200, 403),
        ),
        (
            *('GET', '/os-pci-limits'),
            f'/os-pci-limits?project_id={base.OWN_PROJECT}',
            None,
            (200, 200, 200, 403, 403),
        ),
        (
            *('POST', '/os-pci-flavors/evaluate', '/os-pci-flavors/evaluate'),
            EVALUATE,
            (200, 403, 403, 403, 403),
        ),
        (
            *('GET', '/os-pci-pools', '/os-pci-pools', None),
            (200, 403, 403, 403, 403),
        ),
        (
            *('GET', '/os-pci-devices', '/os-pci-devices', None),
            (200, 403, 403, 403, 403),
        ),
        (
            *('GET', '/os-pci-devices/{id}'),
            f'/os-pci-devices/{uuidsentinel.device}',
            None,
            (404, 403, 403, 403, 403),
        ),
        (
            *('GET', '/servers/{server_id}/os-pci-devices'),
            f'/servers/{uuidsentinel.server}/os-pci-devices',
            None,
            (200, 200, 200, 404, 403),
        ),
        (
            *('GET', '/servers/{server_id}/os-pci-migration-plan'),
            f'/servers/{uuidsentinel.server}/os-pci-migration-plan',
            None,
            (200, 403, 403, 404, 403),
        ),
    )
)

#: Paths whose resources are not in the database of PCI flavors.
NOT_STORED = (
    '/os-pci',
    '/os-pci/openapi.json',
    '/os-pci-flavors/0',
    f'/os-pci-devices/{uuidsentinel.device}',
)

SERVER = f'/servers/{uuidsentinel.server}'

#: Additions of pci_ext to servers, for a server of OWN_PROJECT; as above. An
#: action that the policy allows is refused for another reason: the server has
#: no devices, and the PCI flavor does not exist.
SERVERS: tuple[tuple[str, str, Any, dict[str, int]], ...] = tuple(
    (
        method,
        path,
        body,
        {**dict(zip(USERS, statuses, strict=True)), 'anonymous': 401},
    )
    for method, path, body, statuses in (
        ('GET', SERVER, None, (200, 200, 200, 404, 403)),
        (
            'POST',
            f'{SERVER}/action',
            {'attach_pci': {'pci_passthrough:pci_flavor': '1:nosuch'}},
            (400, 400, 403, 404, 403),
        ),
        # Whether or not there is such an alias.
        *(
            (
                'POST',
                f'{SERVER}/action',
                {'attach_pci': {f'pci_passthrough:{key}': text, **others}},
                (status, 403, 403, 404, 403),
            )
            for key, text, status in (
                ('alias', 'nosuch:1', 400),
                ('alias', 'known:1', 409),
                ('pci_name', '10GE', 409),
            )
            for others in ({}, {'pci_passthrough:pci_flavor': '1:public'})
        ),
        (
            'POST',
            f'{SERVER}/action',
            {'detach_pci': [{'dev_id': 'pci_0000_02_00_0'}]},
            (409, 409, 403, 404, 403),
        ),
        (
            'POST',
            f'{SERVER}/action',
            {'reattach_pci': None},
            (409, 409, 403, 404, 403),
        ),
    )
)


class RolesTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(nova_fixtures.RealPolicyFixture())
        self.useFixture(nova_fixtures.NeutronFixture(self))
        self.useFixture(fixtures.Activation())
        self.useFixture(base.Database())
        self.useFixture(base.Projects(base.OWN_PROJECT, base.OTHER_PROJECT))
        keystone = self.useFixture(keystone_fixture.AuthTokenFixture())
        for user, (project_id, roles) in USERS.items():
            keystone.add_token_data(
                token_id=user,
                user_id=user,
                project_id=project_id,
                role_list=list(roles),
            )
        self.app = wsgi.Loader(self._write_paste_file()).load_app(
            'osapi_compute'
        )

    def _write_paste_file(self) -> str:
        """Write Nova's paste file, with the address of keystone."""
        paste = configparser.RawConfigParser()
        paste.optionxform = str  # type: ignore[assignment,method-assign]
        self.assertTrue(paste.read(cfg.CONF.wsgi.api_paste_config))
        paste['filter:authtoken']['www_authenticate_uri'] = 'http://keystone/'
        path = self.useFixture(base.fixtures.TempDir()).join('api-paste.ini')
        with open(path, 'w', encoding='utf-8') as stream:
            paste.write(stream)
        return path

    def call(
        self, method: str, path: str, body: Any, token: str | None
    ) -> webob.Response:
        request = webob.Request.blank(f'/v2.1{path}', method=method)
        request.headers['OpenStack-API-Version'] = 'pci latest'
        if token:
            request.headers['X-Auth-Token'] = token
        if body is not None:
            request.content_type = 'application/json'
            request.body = jsonutils.dump_as_bytes(body)
        return request.get_response(self.app)

    @staticmethod
    def reset() -> None:
        for flavor in db.get_all():
            db.delete_by_uuid(flavor.uuid)
        db.create(
            pci_flavor.PciFlavor(name='public', specs={'vendor_id': '8086'})
        )
        db.create(
            pci_flavor.PciFlavor(
                name='private', is_public=False, projects=[base.OWN_PROJECT]
            )
        )

    def test_every_route_is_in_the_matrix(self) -> None:
        def mounted(app: routes.APIRouterV21) -> set[tuple[str, str]]:
            return {
                (*route.conditions['method'], route.routepath)
                for route in app.map.matchlist
                if route.conditions
                and not route.routepath.startswith('/{project_id')
            }

        ours = mounted(router.APIRouter(router.load_routes()))
        self.assertEqual(
            ours - mounted(routes.APIRouterV21()),
            {(method, route) for method, route, *_ in MATRIX},
        )

    def test_status_of_each_route_by_role(self) -> None:
        self.create_server('cell1', 'server')
        for method, _, path, body, expected in MATRIX:
            statuses = {}
            for user in expected:
                self.reset()
                response = self.call(
                    method, path, body, None if user == 'anonymous' else user
                )
                statuses[user] = response.status_int
            self.assertEqual(expected, statuses, f'{method} {path}')

    def test_status_of_server_requests_by_role(self) -> None:
        self.reset()
        self.flags(
            group='pci',
            alias=[
                '{"name": "known", "vendor_id": "8086", "product_id": "10c9"}'
            ],
        )
        uuid = self.create_server('cell1', 'server')
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            server = objects.Instance.get_by_uuid(cell_context, uuid)
            # The actions refuse a server in this state.
            server.vm_state = vm_states.SUSPENDED
            server.save()
        for method, path, body, expected in SERVERS:
            statuses = {
                user: self.call(
                    method, path, body, None if user == 'anonymous' else user
                ).status_int
                for user in expected
            }
            self.assertEqual(expected, statuses, f'{method} {path} {body}')

    def test_servers_show_devices(self) -> None:
        self.create_server('cell1', 'server')
        for user in ('admin', 'member', 'reader'):
            response = self.call('GET', SERVER, None, user)
            self.assertEqual([], response.json['server']['pci_devices'])

    def test_forbidden_requests_change_nothing(self) -> None:
        for method, _, path, body, expected in MATRIX:
            self.reset()
            before = self.stored()
            for user, status in expected.items():
                if status >= 400:
                    self.call(method, path, body, user)
            self.assertEqual(before, self.stored())

    @staticmethod
    def stored() -> list[Any]:
        return [
            (each.obj_to_primitive(), limits_db.get(each.uuid))
            for each in db.get_all()
        ]

    def assert_unavailable(self, text: str) -> None:
        """Check the answers of all routes without their database."""
        for method, _, path, body, expected in MATRIX:
            response = self.call(method, path, body, 'admin')
            if path in NOT_STORED or path.startswith('/servers/'):
                self.assertEqual(
                    expected['admin'], response.status_int, f'{method} {path}'
                )
            else:
                self.assertEqual(503, response.status_int, f'{method} {path}')
                self.assertIn(text, response.text)
        attach = {'attach_pci': {'pci_passthrough:pci_flavor': '1:public'}}
        response = self.call('POST', f'{SERVER}/action', attach, 'admin')
        self.assertEqual(503, response.status_int, response.text)

    def test_routes_without_their_database(self) -> None:
        self.create_server('cell1', 'server')
        db_base.empty(db_api.get_engine())
        self.assert_unavailable('lacks tables')
        db_api.configure(db_base.config('sqlite:////nowhere/at/all'))
        self.assert_unavailable('does not answer')
        self.assertIn('unable to open', self.stdlog.logger.output)

    def test_refuses_an_unknown_token(self) -> None:
        for method, _, path, body, _ in MATRIX:
            response = self.call(method, path, body, 'stolen')
            self.assertEqual(401, response.status_int, f'{method} {path}')

    def test_lists_show_visible_pci_flavors(self) -> None:
        self.reset()
        both = ['private', 'public']
        for user, expected in {
            'admin': both,
            'member': both,
            'reader': both,
            'other': ['public'],
        }.items():
            for path in ('/os-pci-flavors', '/os-pci-flavors/detail'):
                response = self.call('GET', path, None, user)
                self.assertEqual(
                    expected,
                    [each['name'] for each in response.json['pci_flavors']],
                )
