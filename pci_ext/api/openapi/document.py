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

"""The API described in the form of OpenAPI 3.1."""

from collections.abc import Iterable
from collections.abc import Sequence
from http import HTTPStatus
import re
from typing import Any

from nova.api.openstack import wsgi

from pci_ext.api import microversions
from pci_ext.api.openapi import faults
from pci_ext.api.openapi import operations
from pci_ext.api.openapi import translation

Document = dict[str, Any]

VERSION = '3.1.1'

_JSON = 'application/json'

_HEADER = wsgi.API_VERSION_REQUEST_HEADER

_HEADERS: Document = {
    'version': {
        'description': 'Versions that served the request.',
        'required': True,
        'schema': {'type': 'string'},
    }
}

_NUMBERS = '|'.join(map(re.escape, microversions.VERSIONS))

_VERSION: Document = {
    'name': _HEADER,
    'in': 'header',
    'description': 'Chooses the version of the PCI API.',
    'schema': {
        'type': 'string',
        'pattern': rf'^(compute 2\.[1-9][0-9]?, )?pci (latest|{_NUMBERS})$',
    },
}


def document(
    served: Iterable[operations.Operation], server_url: str
) -> Document:
    """Describe operations.

    :param server_url: prefix of the paths
    """
    paths: Document = {}
    statuses: set[int] = set()
    for (path, method), group in _by_route(served).items():
        paths.setdefault(path, {})[method.lower()] = _operation(group)
        statuses.update(*map(faults.statuses, group))
    return {
        'openapi': VERSION,
        'info': {
            'title': 'PCI API',
            'version': microversions.MAX_VERSION,
            'description': 'Additions of pci_ext to the compute API.',
        },
        'servers': [{'url': server_url}],
        'security': [{'token': []}],
        'paths': paths,
        'components': {
            'headers': _HEADERS,
            'parameters': {'version': _VERSION},
            'responses': {
                f'error-{status}': faults.describe(status)
                for status in sorted(statuses)
            },
            'securitySchemes': {
                'token': {
                    'type': 'apiKey',
                    'in': 'header',
                    'name': 'X-Auth-Token',
                }
            },
        },
    }


def _by_route(
    served: Iterable[operations.Operation],
) -> dict[tuple[str, str], list[operations.Operation]]:
    """Group operations: the actions of servers are one operation."""
    groups: dict[tuple[str, str], list[operations.Operation]] = {}
    for operation in served:
        key = (operation.path, operation.method)
        groups.setdefault(key, []).append(operation)
    return groups


def _operation(group: Sequence[operations.Operation]) -> Document:
    first = group[0]
    described: Document = {
        'operationId': first.id,
        'summary': ' '.join(
            operation.description.partition('\n')[0] for operation in group
        ),
        'description': '\n\n'.join(
            operation.description for operation in group
        ),
        'tags': [first.id.partition('.')[0]],
        'parameters': _parameters(first),
        'responses': _responses(group),
    }
    bodies = [operation.body for operation in group if operation.body]
    if bodies:
        schemas = [translation.translate(body) for body in bodies]
        described['requestBody'] = {
            'required': True,
            'content': {
                _JSON: {
                    'schema': (
                        schemas[0] if len(schemas) == 1 else {'oneOf': schemas}
                    )
                }
            },
        }
    return described


def _parameters(operation: operations.Operation) -> list[Document]:
    described: list[Document] = [
        {
            'name': name,
            'in': 'path',
            'description': meaning,
            'required': True,
            'schema': {'type': 'string', 'minLength': 1},
        }
        for name, meaning in operation.variables.items()
    ]
    if operation.versioned:
        described.append({'$ref': '#/components/parameters/version'})
    query = operation.query or {'properties': {}}
    for name, values in query['properties'].items():
        single = values.get('maxItems') == 1
        described.append(
            {
                'name': name,
                'in': 'query',
                'schema': translation.translate(
                    values['items'] if single else values
                ),
            }
        )
    patterns = query.get('patternProperties')
    if patterns:
        # Each property of the object is a parameter: OpenAPI has no other
        # form for parameters whose names follow a pattern.
        described.append(
            {
                'name': 'attributes',
                'in': 'query',
                'style': 'form',
                'explode': True,
                'schema': translation.translate(
                    {
                        'type': 'object',
                        'patternProperties': {
                            pattern: values['items']
                            for pattern, values in patterns.items()
                        },
                        'additionalProperties': False,
                    }
                ),
            }
        )
    return described


def _responses(group: Sequence[operations.Operation]) -> Document:
    first = group[0]
    success: Document = {'description': HTTPStatus(first.status).phrase}
    if first.versioned:
        success['headers'] = {
            _HEADER: {'$ref': '#/components/headers/version'}
        }
    if first.response and first.response != {'type': 'null'}:
        success['content'] = {
            _JSON: {'schema': translation.translate(first.response)}
        }
    errors = sorted(
        {status for each in group for status in faults.statuses(each)}
    )
    return {
        str(first.status): success,
        **{
            str(status): {'$ref': f'#/components/responses/error-{status}'}
            for status in errors
        },
    }
