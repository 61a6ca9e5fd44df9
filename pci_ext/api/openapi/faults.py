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

"""The errors of the API, described in the form of OpenAPI."""

from http import HTTPStatus
from typing import Any

from nova.api.openstack import wsgi

from pci_ext.api.openapi import operations

Document = dict[str, Any]

#: Of every operation: errors of the middleware and the policies, and of
#: malformed paths, bodies and versions.
_ERRORS = (400, 401, 403)
_ERRORS_VERSIONED = (406,)
_ERRORS_WITH_BODY = (413, 415)

#: Answers of middleware, each in a form of its own.
_NOT_OF_NOVA = (401, 413)


def statuses(operation: operations.Operation) -> set[int]:
    """List the statuses of the errors that an operation may answer.

    Without 500, which subclasses of controllers of Nova let pass.
    """
    return {
        *(status for status in operation.errors if status != 500),
        *_ERRORS,
        *(_ERRORS_VERSIONED if operation.versioned else ()),
        *(_ERRORS_WITH_BODY if operation.body else ()),
    }


def describe(status: int) -> Document:
    """Describe the response of an error."""
    described: Document = {'description': HTTPStatus(status).phrase}
    if status not in _NOT_OF_NOVA:
        name = wsgi.Fault._fault_names.get(status, 'computeFault')
        described['content'] = {
            'application/json': {
                'schema': {
                    'type': 'object',
                    'properties': {
                        name: {
                            'type': 'object',
                            'properties': {
                                'code': {'const': status},
                                'message': {'type': 'string'},
                            },
                            'required': ['code', 'message'],
                            'additionalProperties': False,
                        }
                    },
                    'required': [name],
                    'additionalProperties': False,
                }
            }
        }
    return described
