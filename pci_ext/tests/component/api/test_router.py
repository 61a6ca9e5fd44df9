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

from collections.abc import Iterator
from importlib import metadata as importlib_metadata
import inspect
import re
from typing import Any

import fixtures
from nova import policy as nova_policy
from nova import test
from nova.api.openstack import wsgi
from nova.api.openstack import wsgi_app  # noqa: F401
from nova.api.openstack.compute import routes as nova_routes
from oslo_config import cfg
from stevedore import extension as stevedore_extension

from pci_ext import exception
from pci_ext.api import compute_api
from pci_ext.api import router
from pci_ext.api import routes
from pci_ext.policies import pci_flavors as policies
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.component.api import base


class CansController(wsgi.Controller):
    def index(self, req: wsgi.Request) -> None:
        """List cans."""


CANS: tuple[routes.Route, ...] = (
    ('/os-pci/cans', {'GET': (CansController, 'index')}),
)

Mounted = dict[tuple[str, str], tuple[str, str]]


def mounted(app: nova_routes.APIRouterV21) -> Mounted:
    """Return class and action by path and method."""
    found: Mounted = {}
    for route in app.map.matchlist:
        if route.redirect:
            found[route.routepath, ''] = ('redirect', route.redirect_status)
            continue
        (method,) = route.conditions['method']
        found[route.routepath, method] = (
            type(route.defaults['controller'].controller).__qualname__,
            route.defaults['action'],
        )
    return found


def mounted_controllers() -> Iterator[wsgi.Controller]:
    """Yield the controllers that the router mounts, with those of actions."""
    for route in router.APIRouter(router.load_routes()).map.matchlist:
        if not route.redirect:
            resource = route.defaults['controller']
            yield resource.controller
            for method in resource.wsgi_actions.values():
                yield method.__self__


class APIRouterTestCase(test.NoDBTestCase):
    def test_uses_all_replacements(self) -> None:
        used = {type(each) for each in mounted_controllers()}
        for controller, replacement in routes.REPLACED.items():
            self.assertIn(replacement, used)
            self.assertNotIn(controller, used)
        for controllers in routes.ACTIONS.values():
            self.assertLessEqual(set(controllers), used)

    def test_moves_use_the_compute_api_of_pci_ext(self) -> None:
        call = re.compile(
            r'self\.compute_api\.'
            r'(create|resize|live_migrate|evacuate|unshelve|attach_interface)\('
        )
        found = set()
        by_class = {type(each): each for each in mounted_controllers()}
        for controller in by_class.values():
            calls = {
                name
                for base_class in type(controller).__mro__[:-1]
                for name in call.findall(inspect.getsource(base_class))
            }
            if calls:
                found |= calls
                self.assertIsInstance(
                    controller.compute_api, compute_api.ComputeAPI, controller
                )
        self.assertEqual(
            {
                'create',
                'resize',
                'live_migrate',
                'evacuate',
                'unshelve',
                'attach_interface',
            },
            found,
        )

    def test_mounts_all_routes_of_nova_and_pci_ext(self) -> None:
        nova = mounted(nova_routes.APIRouterV21())
        ours = mounted(router.APIRouter(router.load_routes()))
        self.assertEqual(nova, {key: ours.get(key) for key in nova})
        self.assertEqual(
            {
                (prefix + path, method): (controller, action)
                for prefix in ('', '/{project_id:[0-9a-f-]+}')
                for path, controller, actions in (
                    ('/os-pci', 'PciVersionsController', {'GET': 'index'}),
                    (
                        '/os-pci/openapi.json',
                        'DescriptionsController',
                        {'GET': 'show'},
                    ),
                    (
                        '/os-pci-devices',
                        'PciDevicesController',
                        {'GET': 'index'},
                    ),
                    (
                        '/os-pci-devices/{id}',
                        'PciDevicesController',
                        {'GET': 'show'},
                    ),
                    (
                        '/os-pci-flavors/evaluate',
                        'EvaluationsController',
                        {'POST': 'create'},
                    ),
                    (
                        '/os-pci-limits',
                        'PciLimitsController',
                        {'GET': 'index'},
                    ),
                    ('/os-pci-pools', 'PciPoolsController', {'GET': 'index'}),
                    (
                        '/servers/{server_id}/os-pci-devices',
                        'ServerDevicesController',
                        {'GET': 'index'},
                    ),
                    (
                        '/os-pci-flavors',
                        'PciFlavorsController',
                        {'GET': 'index', 'POST': 'create'},
                    ),
                    (
                        '/os-pci-flavors/detail',
                        'PciFlavorsController',
                        {'GET': 'detail'},
                    ),
                    (
                        '/os-pci-flavors/{id}',
                        'PciFlavorsController',
                        {'GET': 'show', 'PUT': 'update', 'DELETE': 'delete'},
                    ),
                    (
                        '/os-pci-flavors/{pci_flavor_id}/access',
                        'PciFlavorAccessController',
                        {'GET': 'index', 'POST': 'create'},
                    ),
                    (
                        '/os-pci-flavors/{pci_flavor_id}/access/{id}',
                        'PciFlavorAccessController',
                        {'DELETE': 'delete'},
                    ),
                    (
                        '/servers/{server_id}/os-pci-migration-plan',
                        'MigrationPlansController',
                        {'GET': 'index'},
                    ),
                    (
                        '/os-pci-flavors/{pci_flavor_id}/limits',
                        'PciFlavorLimitsController',
                        {'GET': 'index', 'PUT': 'update'},
                    ),
                )
                for method, action in actions.items()
            },
            {key: ours[key] for key in set(ours) - set(nova)},
        )

    def test_servers_keep_their_actions(self) -> None:
        def actions(app: nova_routes.APIRouterV21) -> dict[str, str]:
            (resource,) = {
                route.defaults['controller']
                for route in app.map.matchlist
                if route.routepath == '/servers/{id}/action'
            }
            return {
                name: method.__qualname__
                for name, method in resource.wsgi_actions.items()
            }

        nova = actions(nova_routes.APIRouterV21())
        ours = actions(router.APIRouter(router.load_routes()))
        self.assertIn('rebuild', nova)
        self.assertIn('pause', nova)
        self.assertEqual(nova, {name: ours.get(name) for name in nova})
        self.assertEqual(
            {'attach_pci', 'detach_pci', 'reattach_pci'},
            set(ours) - set(nova),
        )

    def load(self, *plugins: Any) -> list[routes.Route]:
        """Load routes with entry points of other distributions."""
        entry_points = [
            importlib_metadata.EntryPoint(
                name, f'{__name__}:{name}', router.NAMESPACE
            )
            for name in plugins
        ]
        self.useFixture(
            fixtures.MockPatchObject(
                stevedore_extension.ExtensionManager,
                'list_entry_points',
                return_value=entry_points,
            )
        )
        return router.load_routes()

    def test_mounts_routes_of_an_extension(self) -> None:
        found = mounted(router.APIRouter(self.load('CANS')))
        self.assertEqual(
            ('CansController', 'index'), found['/os-pci/cans', 'GET']
        )
        self.assertEqual(
            ('PciVersionsController', 'index'), found['/os-pci', 'GET']
        )

    def test_refuses_an_extension_that_does_not_load(self) -> None:
        self.assertRaisesRegex(
            AttributeError, 'NO_SUCH', self.load, 'CANS', 'NO_SUCH'
        )


class RoutingTestCase(base.RouterTestCase):
    def test_refuses_an_invalid_form(self) -> None:
        for path in ('/os-pci-flavors', '/flavors'):
            request = base.wsgi.Request.blank(
                path, method='POST', base_url='http://localhost/v2.1'
            )
            request.environ['nova.context'] = self.context
            request.environ['CONTENT_TYPE'] = 'multipart/form-data'
            request.body = b'{}'
            response = request.get_response(self.app)
            self.assertEqual(415, response.status_int, response.text)

    def test_ignores_the_method_parameter(self) -> None:
        self.call('POST', '/os-pci-flavors', {'pci_flavor': {'name': 'gpu'}})
        self.call('GET', '/os-pci-flavors/gpu?_method=DELETE')
        response = self.call('GET', '/os-pci-flavors/gpu')
        self.assertEqual(200, response.status_int)


class AppFactoryTestCase(test.NoDBTestCase):
    # The tests use the database of pci_ext, not Nova's.
    USES_DB_SELF = True

    def test_refuses_where_pci_ext_is_not_active(self) -> None:
        error = self.assertRaises(
            exception.NotActivated, router.app_factory, {}
        )
        self.assertIn('[oslo_messaging_notifications]', str(error))

    def test_creates_two_applications(self) -> None:
        self.useFixture(pci_ext_fixtures.Activation())
        self.useFixture(base.Database())
        for app in (router.app_factory({}), router.app_factory({})):
            self.assertIsInstance(app, router.APIRouter)
        self.assertIn(policies.CREATE, nova_policy._ENFORCER.registered_rules)
        self.assertIn('connection', cfg.CONF.pci_ext_database)

    def test_nova_creates_it(self) -> None:
        self.useFixture(pci_ext_fixtures.Activation())
        self.useFixture(base.Database())
        app = nova_routes.APIRouterV21.factory({})
        self.assertIsInstance(app, router.APIRouter)

    def test_without_a_database_it_is_that_of_nova(self) -> None:
        self.useFixture(pci_ext_fixtures.Activation())
        self.useFixture(
            fixtures.MockPatchObject(
                router.db_api,
                'configure',
                side_effect=exception.DatabaseNotConfigured,
            )
        )
        router._report_no_flavors.cache_clear()
        log = self.useFixture(fixtures.FakeLogger())
        for _ in range(2):
            app = router.create_router()
            self.assertNotIsInstance(app, router.APIRouter)
        self.assertEqual(1, log.output.count('set [pci_ext_database] conn'))
