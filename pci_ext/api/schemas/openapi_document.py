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

"""JSON schema of the OpenAPI document."""

from pci_ext.api.schemas import common

_OBJECT: common.Schema = {
    'type': 'object',
    'properties': {},
    'additionalProperties': True,
}

show_query = common.NO_QUERY

show_response = common.all_of(
    {
        'openapi': common.described(
            {'type': 'string', 'pattern': r'^3\.1\.[0-9]+$'},
            'Version of OpenAPI.',
        ),
        'info': common.described(_OBJECT, 'Title and version of the API.'),
        'servers': common.described(
            {'type': 'array', 'items': _OBJECT}, 'Prefix of the paths.'
        ),
        'security': common.described(
            {'type': 'array', 'items': _OBJECT}, 'The token of requests.'
        ),
        'paths': common.described(
            _OBJECT, 'Operations by path and method, with their schemas.'
        ),
        'components': common.described(
            _OBJECT, 'Parts that several operations refer to.'
        ),
    }
)
