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

"""Schemas of devices."""

from pci_ext.api.schemas import common
from pci_ext.api.schemas import inventory

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

#: Statuses of Nova that devices on record have.
STATUSES = ('available', 'claimed', 'allocated', 'removed', 'unavailable')

_TEXT: common.Schema = {'type': 'string'}
_TEXT_OR_NULL: common.Schema = {'type': ['string', 'null']}

index_query = inventory.list_query(
    SORT_KEYS,
    status=common.described(
        {'type': 'string', 'enum': list(STATUSES)}, 'Status of the device.'
    ),
    uuid=common.described(
        {'type': 'string', 'format': 'uuid'}, 'Uuid of the device.'
    ),
    address=common.described(inventory.TEXT, 'PCI address on the host.'),
    server_uuid=common.described(
        {'type': 'string', 'format': 'uuid'},
        'Server that the devices are claimed for.',
    ),
)

show_query = common.NO_QUERY

_DEVICE = common.all_of(
    {
        'uuid': common.described(
            {'type': 'string', 'format': 'uuid'}, 'Id of the device.'
        ),
        'host': common.described(_TEXT, 'Name of the host.'),
        'address': common.described(_TEXT, 'PCI address on the host.'),
        'dev_id': common.described(
            _TEXT, 'Id of the device in the action detach_pci.'
        ),
        'vendor_id': common.described(_TEXT, 'Hexadecimal.'),
        'product_id': common.described(_TEXT, 'Hexadecimal.'),
        'dev_type': common.described(
            _TEXT, '``type-PCI``, ``type-PF`` or ``type-VF``.'
        ),
        'numa_node': common.described(
            {'type': ['integer', 'null']}, 'NUMA node of the host, if known.'
        ),
        'parent_addr': common.described(
            _TEXT_OR_NULL, 'Address of the physical function of a virtual one.'
        ),
        'status': common.described(
            {'type': 'string', 'enum': list(STATUSES)}, 'Status in Nova.'
        ),
        'server_uuid': common.described(
            {'type': ['string', 'null'], 'format': 'uuid'},
            'Server that the device is claimed for.',
        ),
        'withdrawn': common.described(
            {'type': 'boolean'}, 'Whether the host no longer offers it.'
        ),
        'attributes': common.described(
            inventory.STRINGS, 'Attributes that the operator has set.'
        ),
        'pci_flavors': common.described(
            inventory.NAMES, 'Names of the PCI flavors that match.'
        ),
        'links': common.LINKS,
    }
)

index_response = inventory.list_response(
    'pci_devices', _DEVICE, 'The devices of a page.'
)

show_response = common.object_with('pci_device', _DEVICE, 'The device.')
