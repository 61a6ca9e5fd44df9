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

"""The limits of a project."""

from openstack import resource


class Limit(resource.Resource):
    resources_key = 'pci_limits'
    base_path = '/os-pci-limits'

    # capabilities
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'project_id', include_pagination_defaults=False
    )

    # Properties
    #: The name of the PCI flavor.
    pci_flavor = resource.Body('pci_flavor', alternate_id=True)
    #: The most devices that the project may have; -1 if unlimited.
    #: *Type: int*
    limit = resource.Body('limit', type=int)
    #: Devices that the project has or has requested. *Type: int*
    used = resource.Body('used', type=int)
