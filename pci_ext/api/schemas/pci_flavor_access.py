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

"""JSON schemas of the access of projects to PCI flavors."""

from pci_ext.api.schemas import common
from pci_ext.api.schemas import pci_flavors

_ACCESS: common.Schema = {
    'type': 'object',
    'properties': {
        'project_id': common.described(
            pci_flavors.PROJECT_ID, 'Id of the project.'
        )
    },
    'required': ['project_id'],
    'additionalProperties': False,
}

create = common.object_with(
    'pci_flavor_access', _ACCESS, 'The project that gets access.'
)
create_response = common.object_with(
    'pci_flavor_access', _ACCESS, 'The project that has access now.'
)

index_query = common.NO_QUERY
index_response = common.object_with(
    'pci_flavor_access',
    {'type': 'array', 'items': _ACCESS},
    'The projects with access.',
)

delete_response = pci_flavors.delete_response
