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

"""Schemas of pools."""

from pci_ext.api.schemas import common
from pci_ext.api.schemas import inventory
from pci_ext.api.schemas import pci_flavors

SORT_KEYS = ('host', 'count', 'uuid')

index_query = inventory.list_query(SORT_KEYS)

index_response = inventory.list_response(
    'pci_pools',
    common.all_of(
        {
            'uuid': common.described(
                {'type': 'string', 'format': 'uuid'},
                'Constant while the host groups by the same keys.',
            ),
            'host': common.described({'type': 'string'}, 'Name of the host.'),
            'properties': common.described(
                inventory.STRINGS, 'Attributes that its devices share.'
            ),
            'count': common.described(
                {'type': 'integer', 'minimum': 0},
                'Free devices, as reported by the host.',
            ),
            'usage': common.described(
                common.all_of(pci_flavors.USAGE), 'Counts of its devices.'
            ),
            'pci_flavors': common.described(
                inventory.NAMES, 'Names of the PCI flavors that match.'
            ),
        }
    ),
    'The pools of a page.',
)
