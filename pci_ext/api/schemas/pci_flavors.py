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

They check the shape only. Names, keys and patterns are checked by the request
grammar, the selectors and the attributes.
"""

from nova.api.validation import parameter_types

from pci_ext.api.schemas import common
from pci_ext.api.schemas import inventory
from pci_ext.matching import request_grammar
from pci_ext.objects import pci_flavor

_NAME: common.Schema = {
    'type': 'string',
    'description': (
        'Unique; 1 to 255 printable characters, not all of them digits, not a '
        'uuid, not ``detail`` or ``_flavor_attrs``, not ``.`` or ``..``, none '
        'of ``,``, ``;``, ``:`` and ``/``, no white space at the ends.'
    ),
}
_DESCRIPTION: common.Schema = {
    'description': 'Text for users.',
    'type': ['string', 'null'],
    'maxLength': pci_flavor.MAX_DESCRIPTION_LENGTH,
    'pattern': common.PRINTABLE,
}
#: As in Nova's API.
PROJECT_ID = parameter_types.project_id

_IS_PUBLIC: common.Schema = {
    'type': 'boolean',
    'description': (
        'Whether all projects see and can use it; true by default.'
    ),
}
_LIVE_MIGRATION: common.Schema = {
    'description': (
        'Policy of its devices for live migrations; ``forbid`` by default.'
    ),
    'type': 'string',
    'enum': list(pci_flavor.LiveMigration.ALL),
}


def _specs(types: list[str]) -> common.Schema:
    # Not by additionalProperties: the legacy v2 API ignores it.
    return {
        'type': 'object',
        'description': 'Patterns by attribute.',
        'patternProperties': {
            r'^[\s\S]+$': {
                'type': types,
                'maxLength': pci_flavor.MAX_VALUE_LENGTH,
                'pattern': common.PRINTABLE,
            },
        },
        'additionalProperties': False,
    }


def _writable(spec_types: list[str]) -> dict[str, common.Schema]:
    return {
        'name': _NAME,
        'description': _DESCRIPTION,
        'is_public': _IS_PUBLIC,
        'live_migration': _LIVE_MIGRATION,
        'specs': _specs(spec_types),
    }


create = common.object_with(
    'pci_flavor',
    {
        'type': 'object',
        'properties': {
            **_writable(['string']),
            'projects': {
                'description': (
                    'Ids of projects with access, if ``is_public`` is false; '
                    f'at most {common.MAX_PROJECTS}.'
                ),
                'type': 'array',
                'maxItems': common.MAX_PROJECTS,
                'items': PROJECT_ID,
                'uniqueItems': True,
            },
        },
        'required': ['name'],
        'additionalProperties': False,
    },
    'The PCI flavor to create.',
)

update = common.object_with(
    'pci_flavor',
    {
        'type': 'object',
        # A spec set to null is removed.
        'properties': _writable(['string', 'null']),
        'minProperties': 1,
        'additionalProperties': False,
    },
    'The fields to change.',
)

SORT_KEYS = (
    'created_at',
    'is_public',
    'live_migration',
    'name',
    'updated_at',
    'uuid',
)

index_query: common.Schema = {
    'type': 'object',
    'properties': {
        **inventory.page_parameters(SORT_KEYS),
        'name': parameter_types.single_param(
            common.described(inventory.TEXT, 'Name of the PCI flavor.')
        ),
        'is_public': parameter_types.single_param(
            {
                'type': 'string',
                'enum': ['true', 'false', 'True', 'False'],
                'description': 'Whether all projects see and can use it.',
            }
        ),
    },
    'additionalProperties': False,
}
detail_query = index_query
show_query = common.NO_QUERY

_BASIC: dict[str, common.Schema] = {
    'uuid': {
        'type': 'string',
        'format': 'uuid',
        'description': 'Assigned by the cloud.',
    },
    'name': {
        'type': 'string',
        'maxLength': request_grammar.MAX_NAME_LENGTH,
        'description': 'Unique.',
    },
    'description': {
        'type': ['string', 'null'],
        'description': 'Text for users.',
    },
    'links': common.LINKS,
}

_FULL: dict[str, common.Schema] = {
    **_BASIC,
    'is_public': _IS_PUBLIC,
    'live_migration': _LIVE_MIGRATION,
    'specs': _specs(['string']),
    'created_at': {
        'type': 'string',
        'format': 'date-time',
        'description': 'Time of its creation.',
    },
    'updated_at': {
        'type': ['string', 'null'],
        'format': 'date-time',
        'description': 'Time of its last change, if any.',
    },
}


_AVAILABLE_ATTRIBUTES = common.all_of(
    {
        'uuid': {'type': 'string', 'const': '0'},
        'name': {'type': 'string', 'const': request_grammar.RESERVED_NAME},
        'description': {'type': 'string'},
        'specs': _specs(['string']),
    }
)

create_response = common.object_with(
    'pci_flavor', common.all_of(_FULL), 'The PCI flavor.'
)
update_response = create_response

_COUNT: common.Schema = {'type': 'integer', 'minimum': 0}

#: Total, available and allocated devices.
USAGE: dict[str, common.Schema] = {
    'total': common.described(_COUNT, 'All devices.'),
    'available': common.described(_COUNT, 'Free devices.'),
    'allocated': common.described(_COUNT, 'Claimed and allocated devices.'),
}

_WITH_USAGE = common.all_of(
    {
        **_FULL,
        'usage': common.described(
            common.all_of(
                {
                    **USAGE,
                    # Where a cell did not answer.
                    'partial': common.described(
                        {'type': 'boolean', 'const': True},
                        'True while a cell does not answer, or missing.',
                    ),
                },
                'partial',
            ),
            'Devices of the cloud that match it.',
        ),
    },
    # Not shown to all users.
    'usage',
)

_SHOWN = {
    **_WITH_USAGE,
    'properties': {
        **_WITH_USAGE['properties'],
        # Not shown to all users, and public PCI flavors have none.
        'projects': {
            'description': 'Ids of projects with access, if private.',
            'type': 'array',
            'items': PROJECT_ID,
        },
    },
}

show_response: common.Schema = {
    'type': 'object',
    'oneOf': [
        common.object_with('pci_flavor', _SHOWN, 'The PCI flavor.'),
        common.object_with('pci_flavor', _AVAILABLE_ATTRIBUTES),
    ],
}


def _list_response(item: common.Schema) -> common.Schema:
    return common.all_of(
        {
            'pci_flavors': common.described(
                {'type': 'array', 'items': item}, 'The PCI flavors.'
            ),
            'pci_flavors_links': inventory.NEXT_LINKS,
        },
        'pci_flavors_links',
    )


index_response = _list_response(common.all_of(_BASIC))
detail_response = _list_response(_WITH_USAGE)
delete_response: common.Schema = {'type': 'null'}
