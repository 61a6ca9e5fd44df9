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

"""JSON schemas of the limits of PCI flavors."""

from pci_ext.api.schemas import common


def _limits(types: list[str], **projects: int) -> common.Schema:
    """Return the schema of limits.

    :param types: JSON types of the limits of projects
    :param projects: more of the schema of the projects
    """
    return {
        'type': 'object',
        'properties': {
            'default': common.described(
                _limit(['integer', 'null']),
                'Limit of projects without their own; null for none.',
            ),
            'projects': {
                'description': 'Limits by the ids of projects.',
                'type': 'object',
                # As the ids of projects in Nova.
                'patternProperties': {
                    r'\A[a-zA-Z0-9-]{1,255}\Z': _limit(types)
                },
                'additionalProperties': False,
                **projects,
            },
        },
        'additionalProperties': False,
    }


def _limit(types: list[str]) -> common.Schema:
    # As in Nova; -1 is unlimited.
    return {'type': types, 'minimum': -1, 'maximum': 0x7FFFFFFF}


index_query = common.NO_QUERY

index_response = common.object_with(
    'pci_flavor_limits',
    {**_limits(['integer']), 'required': ['default', 'projects']},
    'The limits of the PCI flavor.',
)

update = common.object_with(
    # A limit set to null is removed.
    'pci_flavor_limits',
    {
        **_limits(['integer', 'null'], maxProperties=common.MAX_PROJECTS),
        'minProperties': 1,
    },
    'The limits to change; null removes one.',
)

update_response = index_response
