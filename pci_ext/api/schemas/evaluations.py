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

"""Schemas of requests and responses about what hosts can serve."""

from pci_ext.api.schemas import inventory
from pci_ext.api.schemas import pci_flavors

_TEXT: inventory.Schema = {'type': 'string'}
_COUNT: inventory.Schema = {'type': 'integer', 'minimum': 0}


def _list_of(**properties: inventory.Schema) -> inventory.Schema:
    return {'type': 'array', 'items': pci_flavors.all_of(properties)}


#: Hosts, and how each can serve a request.
HOSTS = _list_of(
    host=pci_flavors.described(_TEXT, 'Name of the host.'),
    fits=pci_flavors.described(
        {'type': 'boolean'}, 'Whether it can serve all requests.'
    ),
    explanation=pci_flavors.described(_TEXT, 'The rest in words.'),
    assignment=_list_of(
        request=_TEXT,
        pci_flavor=pci_flavors.described(_TEXT, 'The alternative taken.'),
        count={'type': 'integer', 'minimum': 1},
        pool=pci_flavors.described(
            inventory.STRINGS, 'Properties of the pool taken from.'
        ),
    ),
    requests=_list_of(
        request=_TEXT,
        count={'type': 'integer', 'minimum': 1},
        found=pci_flavors.described(_COUNT, 'How many it gets.'),
        matching=pci_flavors.described(_COUNT, 'How many there are for it.'),
    ),
)

create = pci_flavors.object_with(
    'evaluate',
    pci_flavors.all_of(
        {
            'request': pci_flavors.described(
                _TEXT, 'As in ``pci_passthrough:pci_flavor``.'
            )
        }
    ),
)

create_response = pci_flavors.object_with(
    'evaluation',
    pci_flavors.all_of(
        {
            'request': _TEXT,
            'hosts': HOSTS,
            'cells_down': inventory.CELLS_DOWN,
        }
    ),
)
