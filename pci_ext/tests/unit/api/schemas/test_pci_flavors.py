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

from jsonschema import validators as jsonschema_validators
from nova import exception
from nova.api.validation import validators
from oslo_utils.fixture import uuidsentinel
from oslotest import base

from pci_ext.api.controllers import pci_flavors
from pci_ext.api.schemas import pci_flavors as schema

BASIC = {
    'uuid': uuidsentinel.flavor,
    'name': 'bigGPU',
    'description': None,
    'links': [{'rel': 'self', 'href': 'http://localhost/v2.1/x'}],
}
FULL = BASIC | {
    'is_public': True,
    'live_migration': 'forbid',
    'specs': {'vendor_id': '8086'},
    'created_at': '2026-01-01T00:00:00Z',
    'updated_at': None,
}
USED = FULL | {'usage': {'total': 4, 'available': 1, 'allocated': 2}}
ATTRIBUTES = {
    'uuid': '0',
    'name': '_flavor_attrs',
    'description': 'Available attributes',
    'specs': {'vendor_id': 'True'},
}


class SchemaTestCase(base.BaseTestCase):
    def accepts(self, schema: dict[str, Any], body: Any) -> bool:
        try:
            validators._SchemaValidator(schema).validate(body)
        except exception.ValidationError:
            return False
        return True

    def test_every_method_has_valid_schemas(self) -> None:
        controller = pci_flavors.PciFlavorsController
        self.assertTrue(controller._validated)
        for method, attributes in {
            'index': ('request_query_schemas', 'response_body_schemas'),
            'detail': ('request_query_schemas', 'response_body_schemas'),
            'show': ('request_query_schemas', 'response_body_schemas'),
            'create': ('request_body_schemas', 'response_body_schemas'),
            'update': ('request_body_schemas', 'response_body_schemas'),
            'delete': ('response_body_schemas',),
        }.items():
            for attribute in attributes:
                schemas = getattr(getattr(controller, method), attribute)
                for each, _, _ in schemas._schemas:
                    jsonschema_validators.validator_for(
                        each, validators._SchemaValidator.validator_org
                    ).check_schema(each)

    def test_response_schemas_refuse_missing_and_unknown_keys(self) -> None:
        for response, full in (
            (schema.show_response, USED),
            (schema.create_response, FULL),
        ):
            self.assertTrue(self.accepts(response, {'pci_flavor': full}))
            self.assertFalse(self.accepts(response, {'pci_flavor': BASIC}))
            self.assertFalse(
                self.accepts(response, {'pci_flavor': full | {'more': 1}})
            )
        self.assertTrue(
            self.accepts(schema.index_response, {'pci_flavors': [BASIC]})
        )
        self.assertFalse(
            self.accepts(schema.index_response, {'pci_flavors': [FULL]})
        )
        self.assertTrue(
            self.accepts(schema.detail_response, {'pci_flavors': [USED]})
        )
        self.assertFalse(
            self.accepts(schema.detail_response, {'pci_flavors': [BASIC]})
        )

    def test_only_show_responds_with_available_attributes(self) -> None:
        body = {'pci_flavor': ATTRIBUTES}
        self.assertTrue(self.accepts(schema.show_response, body))
        self.assertFalse(self.accepts(schema.create_response, body))

    def test_only_an_update_accepts_null_for_a_spec(self) -> None:
        body = {'pci_flavor': {'name': 'x', 'specs': {'vendor_id': None}}}
        self.assertTrue(self.accepts(schema.update, body))
        self.assertFalse(self.accepts(schema.create, body))
