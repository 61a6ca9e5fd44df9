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

"""Parts of the schemas of pools and devices."""

from nova.api.validation import parameter_types

from pci_ext.api.schemas import common

TEXT: common.Schema = {
    'type': 'string',
    'maxLength': 255,
    'pattern': common.STORABLE,
}

_PATTERN = common.described(TEXT, 'Pattern of the attribute.')

#: Attributes of all hosts; numa_node may have no value.
ATTRIBUTES = ('vendor_id', 'product_id', 'dev_type', 'numa_node')

_OTHERS = common.described(
    TEXT,
    'Pattern of the attribute of this name, which begins with ``e.`` or is '
    'one that hosts group by.',
)


def page_parameters(sort_keys: tuple[str, ...]) -> dict[str, common.Schema]:
    """Return the schemas of the query parameters that choose a page."""
    single = parameter_types.single_param
    return {
        'limit': single(
            common.described(
                parameter_types.non_negative_integer,
                'Maximum number of items.',
            )
        ),
        'marker': single(
            common.described(
                TEXT, 'Uuid of the last item of the previous page.'
            )
        ),
        'sort_key': parameter_types.multi_params(
            {
                'type': 'string',
                'enum': list(sort_keys),
                'description': 'Key to sort by; may be repeated.',
            }
        ),
        'sort_dir': parameter_types.multi_params(
            {
                'type': 'string',
                'enum': ['asc', 'desc'],
                'description': 'Direction of each key, or of all keys.',
            }
        ),
    }


def list_query(
    sort_keys: tuple[str, ...], **filters: common.Schema
) -> common.Schema:
    """Return the schema of the query parameters of a list.

    Any other parameter is a pattern of an attribute, such as
    ``e.group=gpu``: the hosts define the attributes.
    """
    single = parameter_types.single_param
    properties = {
        **page_parameters(sort_keys),
        'host': single(common.described(TEXT, 'Name of the host.')),
        'flavor': single(
            common.described(TEXT, 'Name or uuid of a PCI flavor.')
        ),
        **{key: single(_PATTERN) for key in ATTRIBUTES},
        **{key: single(schema) for key, schema in filters.items()},
    }
    return {
        'type': 'object',
        'properties': properties,
        # Nova strips parameters that only additionalProperties allows.
        'patternProperties': {
            rf'\A(?!(?:{"|".join(properties)})\Z)[\s\S]*\Z': single(_OTHERS)
        },
        'additionalProperties': False,
    }


NEXT_LINKS: common.Schema = {
    'description': 'Link to the next page, if there may be one.',
    'type': 'array',
    'items': common.all_of(
        {
            'rel': common.described(
                {'type': 'string', 'const': 'next'}, 'Always ``next``.'
            ),
            'href': common.HREF,
        }
    ),
}

STRINGS: common.Schema = {
    'type': 'object',
    'patternProperties': {r'^[\s\S]+$': {'type': 'string'}},
    'additionalProperties': False,
}

NAMES: common.Schema = {'type': 'array', 'items': {'type': 'string'}}

CELLS_DOWN: common.Schema = {
    'description': ('Cells that did not answer; their items are missing.'),
    'type': 'array',
    'items': {'type': 'string', 'format': 'uuid'},
}


def list_response(name: str, item: common.Schema, text: str) -> common.Schema:
    """Return the schema of a page of a list.

    :param text: description of the items
    """
    return common.all_of(
        {
            name: common.described({'type': 'array', 'items': item}, text),
            f'{name}_links': NEXT_LINKS,
            'cells_down': CELLS_DOWN,
        },
        f'{name}_links',
    )
