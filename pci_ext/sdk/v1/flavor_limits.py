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

"""The limits of a PCI flavor."""

from openstack import resource


class FlavorLimits(resource.Resource):
    resource_key = 'pci_flavor_limits'
    base_path = '/os-pci-flavors/%(flavor_id)s/limits'
    requires_id = False

    # capabilities
    allow_fetch = True
    allow_commit = True

    # Properties
    #: The uuid or the name of the PCI flavor.
    flavor_id = resource.URI('flavor_id')
    #: Limit of the projects without their own: a number of devices, -1 if
    #: unlimited, None if there is none. *Type: int*
    default = resource.Body('default', type=int)
    #: Limits by the ids of projects. In an update, a limit None removes the
    #: one of its project. *Type: dict*
    projects = resource.Body('projects', type=dict)
