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

"""JSON schemas of the limits of a project."""

from pci_ext.api.schemas import common

index_query: common.Schema = {
    'type': 'object',
    'properties': {
        'project_id': {
            'description': 'Id of the project; yours by default.',
            'type': 'array',
            'items': {
                'type': 'string',
                # As the ids of projects in Nova.
                'pattern': r'\A[a-zA-Z0-9-]{1,255}\Z',
            },
            'maxItems': 1,
        }
    },
    'additionalProperties': False,
}

index_response = common.object_with(
    'pci_limits',
    {
        'description': 'One for each PCI flavor that you see, by name.',
        'type': 'array',
        'items': common.all_of(
            {
                'pci_flavor': common.described(
                    {'type': 'string'}, 'Name of the PCI flavor.'
                ),
                'limit': common.described(
                    {'type': 'integer', 'minimum': -1},
                    'Most devices that the project may have; -1 is unlimited.',
                ),
                'used': common.described(
                    {'type': 'integer', 'minimum': 0},
                    'Devices that the project has or has requested.',
                ),
            }
        ),
    },
)
