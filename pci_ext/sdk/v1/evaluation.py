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

"""The evaluation of a request on all hosts."""

from openstack import resource


class Evaluation(resource.Resource):
    resource_key = 'evaluation'
    base_path = '/os-pci-flavors/evaluate'

    # capabilities
    allow_create = True

    # Properties
    #: The evaluated request.
    request = resource.Body('request')
    #: The hosts, each with the devices that it can assign to the request, or
    #: those that are missing. *Type: list*
    hosts = resource.Body('hosts', type=list)
    #: The cells that did not answer. *Type: list*
    cells_down = resource.Body('cells_down', type=list)
