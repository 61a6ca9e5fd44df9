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

"""The access of projects to private PCI flavors."""

from openstack import resource


class FlavorAccess(resource.Resource):
    resource_key = 'pci_flavor_access'
    resources_key = 'pci_flavor_access'
    base_path = '/os-pci-flavors/%(flavor_id)s/access'

    # capabilities
    allow_create = True
    allow_delete = True
    allow_list = True

    # Properties
    #: The uuid or the name of the PCI flavor.
    flavor_id = resource.URI('flavor_id')
    #: The id of the project with access.
    project_id = resource.Body('project_id', alternate_id=True)
