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

"""JSON schemas of the additions to the servers of Nova."""

from pci_ext.api.schemas import common

_TEXT: common.Schema = {'type': 'string'}


def _beside_nova(
    name: str, content: common.Schema, text: str
) -> common.Schema:
    """Return the schema of a property beside those of Nova.

    :param text: description of the property
    """
    return {
        'type': 'object',
        'properties': {name: common.described(content, text)},
        'additionalProperties': True,
    }


_SERVER = _beside_nova(
    'pci_devices',
    {
        'type': 'array',
        'items': common.all_of(
            {
                'dev_id': common.described(
                    {'type': ['string', 'null']},
                    'Id of the device in the action detach_pci.',
                ),
                'address': common.described(
                    _TEXT, 'PCI address on the host of the server.'
                ),
                'vendor_id': common.described(_TEXT, 'Hexadecimal.'),
                'product_id': common.described(_TEXT, 'Hexadecimal.'),
            },
            'dev_id',
            'address',
        ),
    },
    'The devices of the server.',
)

#: Nova checks the rest.
_NETWORK = {
    **_beside_nova(
        'pci_flavor',
        {'type': 'string', 'minLength': 1, 'maxLength': 4096},
        'PCI flavors for the device of the port, by preference.',
    ),
    'dependentSchemas': {
        'pci_flavor': {
            'properties': {'port': _TEXT},
            'required': ['port'],
        },
    },
}

create = _beside_nova(
    'server',
    _beside_nova(
        'networks',
        {'type': ['array', 'string', 'null'], 'items': _NETWORK},
        'The networks, as in Nova.',
    ),
    'The server, as in Nova.',
)

create_response = _beside_nova(
    'server',
    _beside_nova('id', _TEXT, 'Uuid of the server.'),
    'The server, as in Nova.',
)

show_response = _beside_nova('server', _SERVER, 'The server.')

detail_response = _beside_nova(
    'servers', {'type': 'array', 'items': _SERVER}, 'The servers.'
)
