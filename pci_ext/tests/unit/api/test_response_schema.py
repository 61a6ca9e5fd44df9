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

"""Validation of responses with long lists."""

from __future__ import annotations

from typing import Any

from nova import exception as nova_exception
from nova.api.openstack import api_version_request
from nova.api.openstack import wsgi
import nova.conf
from oslo_config import fixture as config_fixture
from oslotest import base

from pci_ext.api import response_schema

SCHEMA = {
    'type': 'object',
    'additionalProperties': False,
    'properties': {
        'hosts': {
            'type': 'array',
            'items': {
                'type': 'object',
                'additionalProperties': False,
                'properties': {
                    'counts': {'type': 'array', 'items': {'type': 'integer'}}
                },
            },
        }
    },
}


class ResponseBodySchemaTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(config_fixture.Config(nova.conf.CONF)).config(
            response_validation='error', group='api'
        )

    def call(self, hosts: list[Any]) -> dict[str, Any]:
        @response_schema.response_body_schema(SCHEMA)
        def index(controller: Any, req: wsgi.Request) -> dict[str, Any]:
            return {'hosts': hosts}

        self.assertTrue(index.response_body_schemas)
        request = wsgi.Request.blank('/')
        request.api_version_request = api_version_request.APIVersionRequest(
            '2.1'
        )
        return index(None, request)

    def test_returns_the_whole_response(self) -> None:
        hosts = [{'counts': list(range(100))}] * 100
        self.assertIs(hosts, self.call(hosts)['hosts'])

    def test_refuses_a_wrong_response(self) -> None:
        for wrong in ({'counts': 1}, {'counts': [1, 'many']}):
            self.assertRaises(
                nova_exception.ValidationError,
                self.call,
                [{'counts': []}, wrong],
            )

    def test_validates_the_first_items_alone(self) -> None:
        right: list[Any] = [{'counts': [1]}] * response_schema.ITEMS
        self.call([*right, {'counts': 1}])
        self.call([{'counts': [*range(response_schema.ITEMS), 'many']}])
