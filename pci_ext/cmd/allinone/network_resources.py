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

"""The resources of neutron, as they are created by default."""

from typing import Any

from pci_ext.cmd.allinone import security_groups

NETWORK: dict[str, Any] = {
    'name': '',
    'status': 'ACTIVE',
    'admin_state_up': True,
    'shared': False,
    'router:external': False,
    'subnets': [],
    # Otherwise Nova requests an address for every port.
    'port_security_enabled': False,
    'mtu': 1500,
    'provider:network_type': 'vlan',
    'provider:physical_network': None,
    'provider:segmentation_id': None,
}

PORT: dict[str, Any] = {
    'name': '',
    'status': 'DOWN',
    'admin_state_up': True,
    'device_id': '',
    'device_owner': '',
    'fixed_ips': [],
    # Without an address, which Nova then does not ask for.
    'ip_allocation': 'deferred',
    'security_groups': [],
    'binding:vnic_type': 'normal',
    'binding:profile': {},
    'binding:host_id': '',
    'binding:vif_type': 'unbound',
    'binding:vif_details': {},
}

SUBNET: dict[str, Any] = {
    'name': '',
    'enable_dhcp': True,
    'dns_nameservers': [],
    'host_routes': [],
}

FLOATING_IP: dict[str, Any] = {
    'status': 'ACTIVE',
    'port_id': None,
    'fixed_ip_address': None,
}

#: The resources of this cloud; it has no others.
DEFAULTS = {
    'networks': NETWORK,
    'ports': PORT,
    'subnets': SUBNET,
    'security-groups': security_groups.GROUP,
    'security-group-rules': security_groups.RULE,
    'floatingips': FLOATING_IP,
}

#: Without limits.
QUOTA = {'network': -1, 'port': -1, 'security_group': -1, 'subnet': -1}
