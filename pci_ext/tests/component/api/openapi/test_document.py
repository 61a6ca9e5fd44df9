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
import re
from typing import Any

import jsonschema
from nova import test
from nova.api import validation
from nova.api.openstack import wsgi
from nova.api.openstack.compute import routes

from pci_ext import exception
from pci_ext import policies
from pci_ext.api import router
from pci_ext.api import routes as api_routes
from pci_ext.api.openapi import document
from pci_ext.api.openapi import faults
from pci_ext.api.openapi import operations
from pci_ext.tests.component.api import base

ADVICE = (
    'Decorate the method of the controller with %s of nova.api.validation: '
    'requests are checked by it, and GET /os-pci/openapi.json is made of it.'
)

SCHEMA = {
    'type': 'object',
    'properties': {'color': {'type': 'string', 'pattern': r'\A[^\x00]*\Z'}},
    'additionalProperties': False,
}

QUERY = {
    'type': 'object',
    'properties': {
        'limit': {
            'type': 'array',
            'items': {'type': 'integer'},
            'maxItems': 1,
        },
        'sort_key': {'type': 'array', 'items': {'type': 'string'}},
    },
    'patternProperties': {
        r'\Ae\..+\Z': {'type': 'array', 'items': {'type': 'string'}}
    },
    'additionalProperties': False,
}


class PaintsController(wsgi.Controller):
    @wsgi.response(201)
    @wsgi.expected_errors((400, 409))
    @validation.schema(SCHEMA)
    @validation.response_body_schema(SCHEMA)
    def create(self, req: wsgi.Request, body: Any) -> None:
        """Mix a paint.

        From existing colors.
        """

    @wsgi.expected_errors(())
    @validation.query_schema(QUERY)
    @validation.response_body_schema({'type': 'null'})
    def index(self, req: wsgi.Request, can_id: str) -> None:
        """List paints."""

    def show(self, req: wsgi.Request) -> None:
        """Show a paint."""


PAINTS: tuple[api_routes.Route, ...] = (
    ('/paints', {'POST': (PaintsController, 'create')}),
    ('/cans/{can_id}/paints', {'GET': (PaintsController, 'index')}),
    ('/paint', {'GET': (PaintsController, 'show')}),
)


def _schemas(described: Any) -> Iterator[Any]:
    """Find the schemas in a document."""
    if isinstance(described, list):
        for each in described:
            yield from _schemas(each)
    elif isinstance(described, dict):
        for key, value in described.items():
            if key == 'schema':
                yield value
            else:
                yield from _schemas(value)


class EveryRouteTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.mapper = router.APIRouter(router.load_routes()).map
        self.operations = list(operations.served(self.mapper))

    def test_operation_declares_its_schemas(self) -> None:
        for each in self.operations:
            self.assertIsNotNone(
                each.response,
                f'{each.id}: {ADVICE % "response_body_schema"}',
            )
            if each.method in ('POST', 'PUT', 'PATCH'):
                self.assertIsNotNone(
                    each.body, f'{each.id}: {ADVICE % "schema"}'
                )
            elif each.method == 'GET' and each.versioned:
                self.assertIsNotNone(
                    each.query, f'{each.id}: {ADVICE % "query_schema"}'
                )
            self.assertTrue(each.description, f'{each.id} has no docstring')
            self.assertNotIn(500, faults.statuses(each))
            if each.versioned:
                self.assertNotIn(500, each.errors)

    def test_document_has_every_route(self) -> None:
        def unnamed(path: str) -> str:
            return re.sub(r'{[^}]*}', '{}', path)

        def paths(mapper: Any) -> set[tuple[str, str]]:
            return {
                (unnamed(route.routepath), method.lower())
                for route in mapper.matchlist
                if not route.redirect
                and not route.routepath.startswith('/{project_id')
                for method in route.conditions['method']
            }

        described = document.document(self.operations, 'http://localhost')
        found = {
            (unnamed(path), method)
            for path, item in described['paths'].items()
            for method in item
        }
        nova = routes.APIRouterV21().map
        self.assertEqual(paths(self.mapper) - paths(nova), found - paths(nova))
        self.assertEqual(
            {
                ('/servers', 'post'),
                ('/servers/detail', 'get'),
                ('/servers/{}', 'get'),
                ('/servers/{}/action', 'post'),
            },
            found & paths(nova),
        )

    def test_paths_are_those_of_the_policies(self) -> None:
        self.assertEqual(
            {
                (each['path'].partition(' ')[0], each['method'])
                for rule in policies.list_rules()
                for each in rule.operations
            }
            # Its policy is Nova's.
            | {('/servers', 'POST')},
            {(each.path, each.method) for each in self.operations},
        )

    def test_schemas_conform_to_openapi(self) -> None:
        described = document.document(self.operations, 'http://localhost')
        found = list(_schemas(described))
        self.assertGreater(len(found), 30)
        for schema in found:
            jsonschema.Draft202012Validator.check_schema(schema)
            self.assertNotIn('\\Z', str(schema))
            self.assertNotIn('ud800', str(schema))

    def test_server_actions_are_one_operation(self) -> None:
        described = document.document(self.operations, 'http://localhost')
        action = described['paths']['/servers/{server_id}/action']['post']
        schemas = action['requestBody']['content']['application/json'][
            'schema'
        ]['oneOf']
        self.assertEqual(
            [['attach_pci'], ['detach_pci'], ['reattach_pci']],
            sorted(schema['required'] for schema in schemas),
        )
        self.assertNotIn('content', action['responses']['202'])


class DocumentTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        mapper = router.APIRouter(PAINTS).map
        self.create, self.index, self.show = (
            each
            for each in operations.served(mapper)
            if each.path.endswith(('/paint', '/paints'))
        )
        self.described = document.document(
            [self.create, self.index], 'http://localhost/v2.1'
        )

    def test_operation_has_the_arguments_of_decorators(self) -> None:
        self.assertEqual('test_document.create', self.create.id)
        self.assertEqual(201, self.create.status)
        self.assertEqual((400, 409), self.create.errors)
        self.assertEqual(SCHEMA, self.create.body)
        self.assertEqual(SCHEMA, self.create.response)
        self.assertIsNone(self.create.query)
        self.assertEqual(200, self.index.status)
        self.assertEqual((), self.index.errors)
        self.assertEqual(QUERY, self.index.query)
        self.assertEqual({'can_id': ''}, self.index.variables)
        self.assertTrue(self.index.versioned)

    def test_refuses_a_method_without_decorators(self) -> None:
        self.assertIsNone(self.show.response)
        error = self.assertRaises(
            exception.SeamChanged, lambda: self.show.errors
        )
        self.assertIn('test_document.show', str(error))

    def test_describes_request_and_responses(self) -> None:
        create = self.described['paths']['/paints']['post']
        schema = {
            **SCHEMA,
            'properties': {
                'color': {'type': 'string', 'pattern': '^[^\\u0000]*$'}
            },
        }
        self.assertEqual('Mix a paint.', create['summary'])
        self.assertIn('From existing colors.', create['description'])
        self.assertEqual(
            {
                'required': True,
                'content': {'application/json': {'schema': schema}},
            },
            create['requestBody'],
        )
        self.assertEqual(
            {'application/json': {'schema': schema}},
            create['responses']['201']['content'],
        )
        self.assertEqual(
            ['201', '400', '401', '403', '406', '409', '413', '415'],
            list(create['responses']),
        )

    def test_describes_parameters(self) -> None:
        index = self.described['paths']['/cans/{can_id}/paints']['get']
        path, version, limit, sort_key, attributes = index['parameters']
        self.assertEqual(
            ('can_id', 'path', True),
            (path['name'], path['in'], path['required']),
        )
        self.assertEqual({'$ref': '#/components/parameters/version'}, version)
        self.assertEqual({'type': 'integer'}, limit['schema'])
        self.assertEqual('array', sort_key['schema']['type'])
        self.assertEqual(
            {'^e\\..+$': {'type': 'string'}},
            attributes['schema']['patternProperties'],
        )
        self.assertNotIn('requestBody', index)
        self.assertNotIn('content', index['responses']['200'])

    def test_describes_the_microversion_header(self) -> None:
        version = self.described['components']['parameters']['version']
        pattern = version['schema']['pattern']
        for text in ('pci 1.0', 'pci latest', 'compute 2.90, pci 1.0'):
            self.assertRegex(text, pattern)
        self.assertNotRegex('pci 7.0', pattern)

    def test_describes_errors(self) -> None:
        responses = self.described['components']['responses']
        conflict = responses['error-409']['content']['application/json'][
            'schema'
        ]
        jsonschema.validate(
            {'conflictingRequest': {'code': 409, 'message': 'Taken.'}},
            conflict,
        )
        for body in (
            {'conflictingRequest': {'code': 400, 'message': 'Taken.'}},
            {'badRequest': {'code': 409, 'message': 'Taken.'}},
            {},
        ):
            self.assertRaises(
                jsonschema.ValidationError,
                jsonschema.validate,
                body,
                conflict,
            )


class DescriptionsTestCase(base.RouterTestCase):
    def test_shows_the_document(self) -> None:
        response = self.call('GET', '/os-pci/openapi.json')
        self.assertEqual(200, response.status_int, response.text)
        self.assertEqual('application/json', response.content_type)
        self.assertEqual(
            'http://localhost/v2.1', response.json['servers'][0]['url']
        )
        self.assertIn('/os-pci-flavors/{pci_flavor}', response.json['paths'])

    def test_server_url_has_the_project_of_the_path(self) -> None:
        path = f'/{base.OWN_PROJECT}/os-pci/openapi.json'
        response = self.call('GET', path)
        self.assertEqual(
            f'http://localhost/v2.1/{base.OWN_PROJECT}',
            response.json['servers'][0]['url'],
        )

    def test_refuses_an_unknown_query_parameter(self) -> None:
        response = self.call('GET', '/os-pci/openapi.json?color=red')
        self.assertEqual(400, response.status_int)
