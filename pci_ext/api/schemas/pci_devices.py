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

"""Schemas of requests and responses about devices."""

from pci_ext.api.schemas import inventory
from pci_ext.api.schemas import pci_flavors

SORT_KEYS = (
    'address',
    'dev_type',
    'host',
    'numa_node',
    'product_id',
    'server_uuid',
    'status',
    'uuid',
    'vendor_id',
)

#: Nova's, of devices that are on record.
STATUSES = ('available', 'claimed', 'allocated', 'removed', 'unavailable')

_TEXT: inventory.Schema = {'type': 'string'}
_TEXT_OR_NULL: inventory.Schema = {'type': ['string', 'null']}

index_query = inventory.list_query(
    SORT_KEYS, status={'type': 'string', 'enum': list(STATUSES)}
)

show_query: inventory.Schema = {
    'type': 'object',
    'properties': {},
    'additionalProperties': False,
}

_DEVICE = pci_flavors.all_of(
    {
        'uuid': {'type': 'string', 'format': 'uuid'},
        'host': pci_flavors.described(_TEXT, 'Name of its host.'),
        'address': pci_flavors.described(_TEXT, 'On its host.'),
        'dev_id': pci_flavors.described(
            _TEXT, 'By which a server detaches it.'
        ),
        'vendor_id': pci_flavors.described(_TEXT, 'Hexadecimal.'),
        'product_id': pci_flavors.described(_TEXT, 'Hexadecimal.'),
        'dev_type': pci_flavors.described(
            _TEXT, '``type-PCI``, ``type-PF`` or ``type-VF``.'
        ),
        'numa_node': pci_flavors.described(
            {'type': ['integer', 'null']}, 'Of the host, if known.'
        ),
        'parent_addr': pci_flavors.described(
            _TEXT_OR_NULL, 'Of the physical function that it belongs to.'
        ),
        'status': {'type': 'string', 'enum': list(STATUSES)},
        'server_uuid': pci_flavors.described(
            {'type': ['string', 'null'], 'format': 'uuid'},
            'The server that has it, or will.',
        ),
        'withdrawn': pci_flavors.described(
            {'type': 'boolean'}, 'Whether its host does not offer it any more.'
        ),
        'attributes': pci_flavors.described(
            inventory.STRINGS, 'Those given by the operator.'
        ),
        'pci_flavors': pci_flavors.described(
            inventory.NAMES, 'Names of those that match.'
        ),
        'links': pci_flavors.LINKS,
    }
)

index_response = inventory.list_response('pci_devices', _DEVICE)

show_response = pci_flavors.all_of({'pci_device': _DEVICE})
