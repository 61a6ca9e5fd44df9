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


create = pci_flavors.object_with(
    'evaluate', pci_flavors.all_of({'request': _TEXT})
)

create_response = pci_flavors.object_with(
    'evaluation',
    pci_flavors.all_of(
        {
            'request': _TEXT,
            'hosts': _list_of(
                host=_TEXT,
                fits={'type': 'boolean'},
                explanation=_TEXT,
                assignment=_list_of(
                    request=_TEXT,
                    pci_flavor=_TEXT,
                    count={'type': 'integer', 'minimum': 1},
                    pool=inventory.STRINGS,
                ),
                requests=_list_of(
                    request=_TEXT,
                    count={'type': 'integer', 'minimum': 1},
                    found=_COUNT,
                    matching=_COUNT,
                ),
            ),
            'cells_down': inventory.CELLS_DOWN,
        }
    ),
)
