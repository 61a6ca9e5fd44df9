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

"""Parts of the schemas of several resources."""

from typing import Any

Schema = dict[str, Any]

#: Text that databases store and compare: without NUL and without half of a
#: surrogate pair.
STORABLE = r'\A[^\x00\ud800-\udfff]*\Z'

#: Text of one line that is shown on terminals: without control characters, and
#: without those that change the direction of text.
PRINTABLE = (
    r'\A[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]*\Z'
)

#: Projects in one request: each is looked up in keystone, one after another.
MAX_PROJECTS = 100

#: Of a resource without query parameters.
NO_QUERY: Schema = {
    'type': 'object',
    'properties': {},
    'additionalProperties': False,
}

HREF: Schema = {
    'description': 'Address of the link.',
    'type': 'string',
    'format': 'uri',
}

LINKS: Schema = {
    'description': 'Links to the resource.',
    'type': 'array',
    'items': {
        'type': 'object',
        'properties': {
            'rel': {
                'description': 'With the version of the API, or without.',
                'type': 'string',
                'enum': ['self', 'bookmark'],
            },
            'href': HREF,
        },
        'required': ['rel', 'href'],
        'additionalProperties': False,
    },
}


def described(schema: Schema, text: str) -> Schema:
    """Add a description to a schema, for the API reference."""
    return {**schema, 'description': text}


def object_with(name: str, content: Schema, text: str = '') -> Schema:
    """Return the schema of an object with one property.

    :param text: description of the property, if it has none
    """
    return {
        'type': 'object',
        'properties': {name: described(content, text) if text else content},
        'required': [name],
        'additionalProperties': False,
    }


def all_of(properties: dict[str, Schema], *optional: str) -> Schema:
    """Return the schema of an object with these properties and no other.

    :param optional: properties that may be missing
    """
    return {
        'type': 'object',
        'properties': properties,
        'required': [key for key in properties if key not in optional],
        'additionalProperties': False,
    }
