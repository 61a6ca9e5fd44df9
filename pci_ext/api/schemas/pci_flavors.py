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

"""JSON schemas of the requests and responses about PCI flavors.

They hold the shape. What a name, a key or a pattern may be is checked where
it is known: by the request grammar, the selectors and the attributes.
"""

from typing import Any

from nova.api.validation import parameter_types

from pci_ext.matching import request_grammar
from pci_ext.objects import pci_flavor

Schema = dict[str, Any]

# Databases store neither NUL nor half of a surrogate pair.
_STORABLE = r'\A[^\x00\ud800-\udfff]*\Z'


def described(schema: Schema, text: str) -> Schema:
    """Say in a schema what something means, for the API reference."""
    return {**schema, 'description': text}


_NAME: Schema = {
    'type': 'string',
    'description': (
        'Unique; 1 to 255 printable characters, not all of them digits, not a '
        'uuid, not ``detail`` or ``_flavor_attrs``, none of ``,``, ``;`` and '
        '``:``, no white space at the ends.'
    ),
}
_DESCRIPTION: Schema = {
    'description': 'For people.',
    'type': ['string', 'null'],
    'maxLength': pci_flavor.MAX_DESCRIPTION_LENGTH,
    'pattern': _STORABLE,
}
#: As in Nova's API.
PROJECT_ID = parameter_types.project_id

_IS_PUBLIC: Schema = {
    'type': 'boolean',
    'description': (
        'Whether all projects see it and can use it; true if not given.'
    ),
}
_LIVE_MIGRATION: Schema = {
    'description': (
        'What a live migration does with its devices; ``forbid`` if not given.'
    ),
    'type': 'string',
    'enum': list(pci_flavor.LiveMigration.ALL),
}


def _specs(types: list[str]) -> Schema:
    # Not by additionalProperties: the legacy v2 API would not look at it.
    return {
        'type': 'object',
        'description': 'Patterns by attribute.',
        'patternProperties': {
            r'^[\s\S]+$': {
                'type': types,
                'maxLength': pci_flavor.MAX_VALUE_LENGTH,
                'pattern': _STORABLE,
            },
        },
        'additionalProperties': False,
    }


def object_with(name: str, content: Schema) -> Schema:
    """Make the schema of an object with one property."""
    return {
        'type': 'object',
        'properties': {name: content},
        'required': [name],
        'additionalProperties': False,
    }


def _writable(spec_types: list[str]) -> dict[str, Schema]:
    return {
        'name': _NAME,
        'description': _DESCRIPTION,
        'is_public': _IS_PUBLIC,
        'live_migration': _LIVE_MIGRATION,
        'specs': _specs(spec_types),
    }


create = object_with(
    'pci_flavor',
    {
        'type': 'object',
        'properties': {
            **_writable(['string']),
            'projects': {
                'description': (
                    'Ids of projects with access; with ``is_public`` false.'
                ),
                'type': 'array',
                'items': PROJECT_ID,
                'uniqueItems': True,
            },
        },
        'required': ['name'],
        'additionalProperties': False,
    },
)

update = object_with(
    'pci_flavor',
    {
        'type': 'object',
        # A spec set to null is removed.
        'properties': _writable(['string', 'null']),
        'minProperties': 1,
        'additionalProperties': False,
    },
)

index_query: Schema = {
    'type': 'object',
    'properties': {},
    'additionalProperties': False,
}
detail_query = index_query
show_query = index_query

LINKS: Schema = {
    'description': 'Where it is found.',
    'type': 'array',
    'items': {
        'type': 'object',
        'properties': {
            'rel': {'type': 'string', 'enum': ['self', 'bookmark']},
            'href': {'type': 'string', 'format': 'uri'},
        },
        'required': ['rel', 'href'],
        'additionalProperties': False,
    },
}

_BASIC: dict[str, Schema] = {
    'uuid': {
        'type': 'string',
        'format': 'uuid',
        'description': 'Given by the cloud.',
    },
    'name': {
        'type': 'string',
        'maxLength': request_grammar.MAX_NAME_LENGTH,
        'description': 'Unique.',
    },
    'description': {
        'type': ['string', 'null'],
        'description': 'For people.',
    },
    'links': LINKS,
}

_FULL: dict[str, Schema] = {
    **_BASIC,
    'is_public': _IS_PUBLIC,
    'live_migration': _LIVE_MIGRATION,
    'specs': _specs(['string']),
    'created_at': {
        'type': 'string',
        'format': 'date-time',
        'description': 'When it was created.',
    },
    'updated_at': {
        'type': ['string', 'null'],
        'format': 'date-time',
        'description': 'When it was changed last, if ever.',
    },
}


def all_of(properties: dict[str, Schema], *optional: str) -> Schema:
    """Make the schema of an object that has these properties, and no other.

    :param optional: those that it may be without
    """
    return {
        'type': 'object',
        'properties': properties,
        'required': [key for key in properties if key not in optional],
        'additionalProperties': False,
    }


_AVAILABLE_ATTRIBUTES = all_of(
    {
        'uuid': {'type': 'string', 'const': '0'},
        'name': {'type': 'string', 'const': request_grammar.RESERVED_NAME},
        'description': {'type': 'string'},
        'specs': _specs(['string']),
    }
)

create_response = object_with('pci_flavor', all_of(_FULL))
update_response = create_response

_COUNT: Schema = {'type': 'integer', 'minimum': 0}

#: How many devices there are, can be had, and are somebody's.
USAGE: dict[str, Schema] = {
    'total': described(_COUNT, 'All of them.'),
    'available': described(_COUNT, 'Those that are free.'),
    'allocated': described(_COUNT, 'Those that are claimed or allocated.'),
}

_WITH_USAGE = all_of(
    {
        **_FULL,
        'usage': all_of(
            {
                **USAGE,
                # Where a cell did not answer.
                'partial': described(
                    {'type': 'boolean', 'const': True},
                    'True while a cell does not answer, else left out.',
                ),
            },
            'partial',
        ),
    }
)

show_response: Schema = {
    'type': 'object',
    'oneOf': [
        object_with('pci_flavor', _WITH_USAGE),
        object_with('pci_flavor', _AVAILABLE_ATTRIBUTES),
    ],
}
index_response = object_with(
    'pci_flavors', {'type': 'array', 'items': all_of(_BASIC)}
)
detail_response = object_with(
    'pci_flavors', {'type': 'array', 'items': _WITH_USAGE}
)
delete_response: Schema = {'type': 'null'}
