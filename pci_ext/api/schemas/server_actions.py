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

"""JSON schemas of the server actions that change PCI devices."""

from typing import Any

from pci_ext.api.schemas import inventory
from pci_ext.api.schemas import pci_flavors
from pci_ext.requests import from_flavor

Schema = dict[str, Any]

#: Devices that one action can name.
MAX_DEVICES = 256

_TEXT: Schema = {'type': 'string', 'minLength': 1, 'maxLength': 4096}

attach_pci: Schema = {
    'type': 'object',
    'properties': {
        'attach_pci': {
            'type': 'object',
            'properties': {
                from_flavor.ALIAS: {
                    **_TEXT,
                    'description': 'As in the extra spec of Nova.',
                    # As in Nova's validator of the extra spec.
                    'pattern': r'^[^:,]+:\d+(?:\s*,\s*[^:,]+:\d+)*$',
                },
                from_flavor.PCI_FLAVOR: {
                    **_TEXT,
                    'description': 'Requests for PCI flavors.',
                },
                from_flavor.PCI_NAME: {
                    **_TEXT,
                    'description': 'Names of devices.',
                },
            },
            'minProperties': 1,
            'additionalProperties': False,
        },
    },
    'required': ['attach_pci'],
    'additionalProperties': False,
}

detach_pci: Schema = {
    'type': 'object',
    'properties': {
        'detach_pci': {
            'type': 'array',
            'items': {
                'type': 'object',
                'properties': {
                    'dev_id': pci_flavors.described(
                        {**inventory.TEXT, 'minLength': 1},
                        'As ``pci_devices`` shows it.',
                    ),
                },
                'required': ['dev_id'],
                'additionalProperties': False,
            },
            'minItems': 1,
            'maxItems': MAX_DEVICES,
        },
    },
    'required': ['detach_pci'],
    'additionalProperties': False,
}

reattach_pci: Schema = {
    'type': 'object',
    'properties': {'reattach_pci': {'type': 'null'}},
    'required': ['reattach_pci'],
    'additionalProperties': False,
}

attach_pci_response: Schema = {'type': 'null'}

detach_pci_response: Schema = {'type': 'null'}

reattach_pci_response: Schema = {'type': 'null'}
