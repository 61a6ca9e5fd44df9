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

"""Schemas of requests and responses about pools."""

from pci_ext.api.schemas import inventory
from pci_ext.api.schemas import pci_flavors

SORT_KEYS = ('host', 'count', 'uuid')

index_query = inventory.list_query(SORT_KEYS)

index_response = inventory.list_response(
    'pci_pools',
    pci_flavors.all_of(
        {
            'uuid': pci_flavors.described(
                {'type': 'string', 'format': 'uuid'},
                'Stays while the host groups so.',
            ),
            'host': pci_flavors.described(
                {'type': 'string'}, 'Name of the host.'
            ),
            'properties': pci_flavors.described(
                inventory.STRINGS, 'What its devices have in common.'
            ),
            'count': pci_flavors.described(
                {'type': 'integer', 'minimum': 0},
                'Free devices, as the host reports.',
            ),
            'usage': pci_flavors.all_of(pci_flavors.USAGE),
            'pci_flavors': pci_flavors.described(
                inventory.NAMES, 'Names of those that match.'
            ),
        }
    ),
)
