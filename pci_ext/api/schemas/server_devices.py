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

"""Schemas of requests and responses about the devices of a server."""

from nova.objects import fields

from pci_ext.api.inventory import server_devices
from pci_ext.api.schemas import inventory
from pci_ext.api.schemas import pci_flavors

_TEXT: inventory.Schema = {'type': 'string'}
_TEXT_OR_NULL: inventory.Schema = {'type': ['string', 'null']}

index_query: inventory.Schema = {
    'type': 'object',
    'properties': {},
    'additionalProperties': False,
}

index_response = pci_flavors.object_with(
    'pci_devices',
    {
        'type': 'array',
        'items': pci_flavors.all_of(
            {
                'address': pci_flavors.described(
                    _TEXT, 'On the host of the server.'
                ),
                'dev_id': pci_flavors.described(
                    _TEXT, 'By which it is detached.'
                ),
                'vendor_id': pci_flavors.described(_TEXT, 'Hexadecimal.'),
                'product_id': pci_flavors.described(_TEXT, 'Hexadecimal.'),
                'pci_flavor': pci_flavors.described(
                    _TEXT_OR_NULL, 'The alternative that it is.'
                ),
                'alternatives': pci_flavors.described(
                    inventory.NAMES,
                    'What the request names, in the order of preference.',
                ),
                'status': {
                    'type': 'string',
                    'enum': list(fields.PciDeviceStatus.ALL),
                },
                'attached': pci_flavors.described(
                    {'type': 'string', 'enum': ['boot', 'hot']},
                    'With the server, or later.',
                ),
                'state': pci_flavors.described(
                    {'type': 'string', 'enum': list(server_devices.State.ALL)},
                    'What is going on with it.',
                ),
                'last_error': pci_flavors.described(
                    _TEXT_OR_NULL, 'What went wrong with it last.'
                ),
                'port_id': pci_flavors.described(
                    _TEXT_OR_NULL, 'The port that it belongs to, if any.'
                ),
                'failover_port_id': pci_flavors.described(
                    _TEXT_OR_NULL,
                    'The port that stands in while that one has no device.',
                ),
            },
            'address',
            'dev_id',
        ),
    },
)
