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

"""The devices of a server."""

from openstack import resource


class ServerDevice(resource.Resource):
    resources_key = 'pci_devices'
    base_path = '/servers/%(server_id)s/os-pci-devices'

    # capabilities
    allow_list = True

    # Properties
    #: The id of the server.
    server_id = resource.URI('server_id')
    #: The id of the device in a detach, if the user may see it.
    dev_id = resource.Body('dev_id', alternate_id=True)
    #: The PCI address on the host, if the user may see it.
    address = resource.Body('address')
    #: The vendor, hexadecimal.
    vendor_id = resource.Body('vendor_id')
    #: The product, hexadecimal.
    product_id = resource.Body('product_id')
    #: The alternative of the request that the device is.
    pci_flavor = resource.Body('pci_flavor')
    #: PCI flavors of the request, in the order of preference. *Type: list*
    alternatives = resource.Body('alternatives', type=list)
    #: The name by which the device was requested.
    pci_name = resource.Body('pci_name')
    #: The status in Nova.
    status = resource.Body('status')
    #: ``boot`` or ``hot``.
    attached = resource.Body('attached')
    #: The state of the device in the guest.
    state = resource.Body('state')
    #: The error of its last attach or detach.
    last_error = resource.Body('last_error')
    #: The port of the device, if any.
    port_id = resource.Body('port_id')
    #: The port that replaces it while the device is detached.
    failover_port_id = resource.Body('failover_port_id')
