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

from pci_ext.api import held
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
                'address': _TEXT,
                'dev_id': _TEXT,
                'vendor_id': _TEXT,
                'product_id': _TEXT,
                'pci_flavor': _TEXT_OR_NULL,
                'alternatives': inventory.NAMES,
                'status': {
                    'type': 'string',
                    'enum': list(fields.PciDeviceStatus.ALL),
                },
                'attached': {'type': 'string', 'enum': ['boot', 'hot']},
                'state': {'type': 'string', 'enum': list(held.State.ALL)},
                'last_error': _TEXT_OR_NULL,
                'port_id': _TEXT_OR_NULL,
            },
            'address',
            'dev_id',
        ),
    },
)
