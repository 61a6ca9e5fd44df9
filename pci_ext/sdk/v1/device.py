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

"""The PCI devices of all hosts."""

from openstack import resource

from pci_ext.sdk.v1 import _attribute_query


class Device(resource.Resource):
    resource_key = 'pci_device'
    resources_key = 'pci_devices'
    base_path = '/os-pci-devices'

    # capabilities
    allow_fetch = True
    allow_list = True

    _query_mapping = _attribute_query.AttributeQueryParameters(
        *_attribute_query.NAMES,
        'address',
        'status',
        id='uuid',
        server_id='server_uuid',
    )

    # Properties
    #: The uuid.
    id = resource.Body('uuid', alternate_id=True)
    #: The name of the host.
    host = resource.Body('host')
    #: The PCI address on the host.
    address = resource.Body('address')
    #: The id of the device in a detach.
    dev_id = resource.Body('dev_id')
    #: The vendor, hexadecimal.
    vendor_id = resource.Body('vendor_id')
    #: The product, hexadecimal.
    product_id = resource.Body('product_id')
    #: ``type-PCI``, ``type-PF`` or ``type-VF``.
    dev_type = resource.Body('dev_type')
    #: The NUMA node of the host, if known. *Type: int*
    numa_node = resource.Body('numa_node', type=int)
    #: The address of the physical function of a virtual one.
    parent_addr = resource.Body('parent_addr')
    #: The status in Nova.
    status = resource.Body('status')
    #: The server that the device is claimed for.
    server_id = resource.Body('server_uuid')
    #: Whether the host no longer offers it. *Type: bool*
    is_withdrawn = resource.Body('withdrawn', type=bool)
    #: Attributes that the operator has set. *Type: dict*
    attributes = resource.Body('attributes', type=dict)
    #: Names of the PCI flavors that match. *Type: list*
    pci_flavors = resource.Body('pci_flavors', type=list)
