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

from pci_ext.api.schemas import pci_flavors


def _limits(types: list[str]) -> pci_flavors.Schema:
    """Make the schema of limits.

    :param types: what those of projects may be
    """
    return {
        'type': 'object',
        'properties': {
            'default': pci_flavors.described(
                _limit(['integer', 'null']),
                'Of projects without a limit of their own; null for none.',
            ),
            'projects': {
                'description': 'Limits by the ids of projects.',
                'type': 'object',
                # As Nova has the ids of projects.
                'patternProperties': {
                    r'\A[a-zA-Z0-9-]{1,255}\Z': _limit(types)
                },
                'additionalProperties': False,
            },
        },
        'additionalProperties': False,
    }


def _limit(types: list[str]) -> pci_flavors.Schema:
    # As in Nova, with -1 for as many as there are.
    return {'type': types, 'minimum': -1, 'maximum': 0x7FFFFFFF}


index_query = pci_flavors.index_query

index_response = pci_flavors.object_with(
    'pci_flavor_limits',
    {**_limits(['integer']), 'required': ['default', 'projects']},
)

update = pci_flavors.object_with(
    # A limit set to null is removed.
    'pci_flavor_limits',
    {**_limits(['integer', 'null']), 'minProperties': 1},
)

update_response = index_response
