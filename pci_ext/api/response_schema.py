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

"""Validation of responses, as Nova's, of the first items of long lists.

Nova writes a response as JSON, reads it and validates each value, which takes
half of the time of a page of 1,000 devices. All items of a list are made by
the same code: the first ones show its faults.
"""

from collections.abc import Callable
import functools
from typing import Any

from nova.api import validation

from pci_ext.api.schemas import common

#: Items of a list that are validated.
ITEMS = 20

_Method = Callable[..., Any]


def response_body_schema(
    schema: common.Schema,
) -> Callable[[_Method], _Method]:
    """Return a decorator of methods whose responses have long lists.

    :param schema: of the body; the method returns it as a dict
    """

    def add_validator(method: _Method) -> _Method:
        @validation.response_body_schema(schema)
        def validate(*args: Any, pci_ext_response: Any, **kwargs: Any) -> Any:
            return _shortened(pci_ext_response)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            response = method(*args, **kwargs)
            validate(*args, pci_ext_response=response, **kwargs)
            return response

        # Nova, and the description of the API, look for it.
        vars(call)['response_body_schemas'] = vars(validate)[
            'response_body_schemas'
        ]
        return call

    return add_validator


def _shortened(value: Any) -> Any:
    """Copy a value with the first items of each list."""
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each) for each in value[:ITEMS]]
    return value
