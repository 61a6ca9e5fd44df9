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

"""Pools: the devices of a host that are alike."""

from openstack import resource

from pci_ext.sdk.v1 import _attribute_query


class Pool(resource.Resource):
    resources_key = 'pci_pools'
    base_path = '/os-pci-pools'

    # capabilities
    allow_list = True

    _query_mapping = _attribute_query.AttributeQueryParameters(
        *_attribute_query.NAMES
    )

    # Properties
    #: The uuid, which is constant while the host groups by the same keys.
    id = resource.Body('uuid', alternate_id=True)
    #: The name of the host.
    host = resource.Body('host')
    #: Attributes that the devices share. *Type: dict*
    properties = resource.Body('properties', type=dict)
    #: Free devices, as reported by the host. *Type: int*
    count = resource.Body('count', type=int)
    #: Total, available and allocated devices. *Type: dict*
    usage = resource.Body('usage', type=dict)
    #: Names of the PCI flavors that match. *Type: list*
    pci_flavors = resource.Body('pci_flavors', type=list)
