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

"""What the schemas of pools and devices have in common."""

from typing import Any

from nova.api.validation import parameter_types

from pci_ext.api.schemas import pci_flavors

Schema = dict[str, Any]

# Databases compare with neither NUL nor half of a surrogate pair.
TEXT: Schema = {
    'type': 'string',
    'maxLength': 255,
    'pattern': r'\A[^\x00\ud800-\udfff]*\Z',
}

_PATTERN = pci_flavors.described(TEXT, 'A pattern over the attribute.')

#: Keys of attributes that every device has, or may have.
ATTRIBUTES = ('vendor_id', 'product_id', 'dev_type', 'numa_node')

_OTHERS = pci_flavors.described(
    TEXT,
    'A pattern over the attribute of this name: one that begins with ``e.``, '
    'or that hosts group by.',
)


def list_query(sort_keys: tuple[str, ...], **filters: Schema) -> Schema:
    """Make the schema of the parameters of a list.

    Patterns by attribute are filters too: ``e.group=gpu``. So is any other
    parameter; which attributes there are is known to the hosts.
    """
    single = parameter_types.single_param
    properties = {
        'limit': single(
            pci_flavors.described(
                parameter_types.non_negative_integer,
                'How many to list at the most.',
            )
        ),
        'marker': single(
            pci_flavors.described(TEXT, 'The uuid of the last one before.')
        ),
        'sort_key': parameter_types.multi_params(
            {
                'type': 'string',
                'enum': list(sort_keys),
                'description': 'What to sort by; may be repeated.',
            }
        ),
        'sort_dir': parameter_types.multi_params(
            {
                'type': 'string',
                'enum': ['asc', 'desc'],
                'description': 'One for each key, or for all of them.',
            }
        ),
        'host': single(pci_flavors.described(TEXT, 'Name of the host.')),
        'flavor': single(
            pci_flavors.described(TEXT, 'Name or uuid of a PCI flavor.')
        ),
        **{key: single(_PATTERN) for key in ATTRIBUTES},
        **{key: single(schema) for key, schema in filters.items()},
    }
    return {
        'type': 'object',
        'properties': properties,
        # Nova strips what nothing but additionalProperties lets in.
        'patternProperties': {
            rf'\A(?!(?:{"|".join(properties)})\Z)[\s\S]*\Z': single(_OTHERS)
        },
        'additionalProperties': False,
    }


NEXT_LINKS: Schema = {
    'description': 'The next page, if there may be one.',
    'type': 'array',
    'items': pci_flavors.all_of(
        {
            'rel': {'type': 'string', 'const': 'next'},
            'href': {'type': 'string', 'format': 'uri'},
        }
    ),
}

STRINGS: Schema = {
    'type': 'object',
    'patternProperties': {r'^[\s\S]+$': {'type': 'string'}},
    'additionalProperties': False,
}

NAMES: Schema = {'type': 'array', 'items': {'type': 'string'}}

CELLS_DOWN: Schema = {
    'description': (
        'The cells that did not answer; what is there is missing.'
    ),
    'type': 'array',
    'items': {'type': 'string', 'format': 'uuid'},
}


def list_response(name: str, item: Schema) -> Schema:
    """Make the schema of a page of a list."""
    return pci_flavors.all_of(
        {
            name: {'type': 'array', 'items': item},
            f'{name}_links': NEXT_LINKS,
            'cells_down': CELLS_DOWN,
        },
        f'{name}_links',
    )
