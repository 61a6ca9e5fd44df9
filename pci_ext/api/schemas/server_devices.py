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

"""Schemas of the devices of a server."""

from nova.objects import fields

from pci_ext.api.inventory import server_devices
from pci_ext.api.schemas import common
from pci_ext.api.schemas import inventory

_TEXT: common.Schema = {'type': 'string'}
_TEXT_OR_NULL: common.Schema = {'type': ['string', 'null']}

index_query = common.NO_QUERY

index_response = common.object_with(
    'pci_devices',
    {
        'type': 'array',
        'items': common.all_of(
            {
                'address': common.described(
                    _TEXT, 'PCI address on the host of the server.'
                ),
                'dev_id': common.described(
                    _TEXT, 'Id of the device in the action detach_pci.'
                ),
                'vendor_id': common.described(_TEXT, 'Hexadecimal.'),
                'product_id': common.described(_TEXT, 'Hexadecimal.'),
                'pci_flavor': common.described(
                    _TEXT_OR_NULL, 'Alternative that the device is.'
                ),
                'alternatives': common.described(
                    inventory.NAMES,
                    'PCI flavors of the request, in the order of preference.',
                ),
                'pci_name': common.described(
                    _TEXT_OR_NULL, 'Name by which the device was requested.'
                ),
                'status': {
                    'description': 'Status in Nova.',
                    'type': 'string',
                    'enum': list(fields.PciDeviceStatus.ALL),
                },
                'attached': common.described(
                    {'type': 'string', 'enum': ['boot', 'hot']},
                    'Attached at boot, or later.',
                ),
                'state': common.described(
                    {'type': 'string', 'enum': list(server_devices.State.ALL)},
                    'State of the device in the guest.',
                ),
                'last_error': common.described(
                    _TEXT_OR_NULL, 'Error of its last attach or detach.'
                ),
                'port_id': common.described(
                    _TEXT_OR_NULL, 'Port of the device, if any.'
                ),
                'failover_port_id': common.described(
                    _TEXT_OR_NULL,
                    'Port that replaces it while the device is detached.',
                ),
            },
            'address',
            'dev_id',
        ),
    },
    'The devices of the server.',
)
