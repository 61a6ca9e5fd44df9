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

from pci_ext.api.schemas import common
from pci_ext.api.schemas import inventory
from pci_ext.requests import from_flavor

#: Maximum number of devices in one action.
MAX_DEVICES = 256

_TEXT: common.Schema = {
    'type': 'string',
    'minLength': 1,
    'maxLength': 4096,
    'pattern': common.STORABLE,
}

attach_pci: common.Schema = {
    'type': 'object',
    'properties': {
        'attach_pci': {
            'description': 'The requests, by one or more of the keys.',
            'type': 'object',
            'properties': {
                from_flavor.ALIAS: {
                    **_TEXT,
                    'description': 'Aliases with counts, as in Nova.',
                    # As in Nova's validator of the extra spec. White space
                    # after a comma is part of the name: a second way to
                    # match it would double the time with each alias.
                    'pattern': (
                        r'^[^:,\x00\ud800-\udfff]+:\d+'
                        r'(?:\s*,[^:,\x00\ud800-\udfff]+:\d+)*$'
                    ),
                },
                from_flavor.PCI_FLAVOR: {
                    **_TEXT,
                    'description': 'Requests, as in a flavor.',
                },
                from_flavor.PCI_NAME: {
                    **_TEXT,
                    'description': 'Names of devices, separated by commas.',
                },
            },
            'minProperties': 1,
            'additionalProperties': False,
        },
    },
    'required': ['attach_pci'],
    'additionalProperties': False,
}

detach_pci: common.Schema = {
    'type': 'object',
    'properties': {
        'detach_pci': {
            'description': 'The devices to detach.',
            'type': 'array',
            'items': {
                'type': 'object',
                'properties': {
                    'dev_id': common.described(
                        {**inventory.TEXT, 'minLength': 1},
                        'Id of the device in ``pci_devices``.',
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

reattach_pci: common.Schema = {
    'type': 'object',
    'properties': {
        'reattach_pci': common.described({'type': 'null'}, 'Always null.')
    },
    'required': ['reattach_pci'],
    'additionalProperties': False,
}

attach_pci_response: common.Schema = {'type': 'null'}

detach_pci_response: common.Schema = {'type': 'null'}

reattach_pci_response: common.Schema = {'type': 'null'}
