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

"""The bindings of ports to a second host, that a live migration makes.

As of Neutron's API for extended port bindings.
"""

from collections.abc import Mapping
from typing import Any

import webob
import webob.exc

#: The extension; Nova needs it to bind a port to a second host.
EXTENSION = {'alias': 'binding-extended', 'name': 'Port Bindings Extended'}

_VIF_TYPES = {
    'direct': 'hw_veb',
    'macvtap': 'hw_veb',
    'direct-physical': 'hostdev_physical',
}

#: The attributes of a port that are those of its active binding.
_ATTRIBUTES = ('vnic_type', 'profile', 'vif_type', 'vif_details')

Binding = dict[str, Any]


def plugged(network: Mapping[str, Any], vnic_type: str) -> Binding:
    """Return the VIF details of a port on the host that it is bound to."""
    return {
        'vif_type': _VIF_TYPES.get(vnic_type, 'ovs'),
        'vif_details': {'vlan': network['provider:segmentation_id'] or 0},
    }


def _active(port: Mapping[str, Any]) -> Binding:
    return {
        'host': port['binding:host_id'],
        'status': 'ACTIVE',
        **{name: port[f'binding:{name}'] for name in _ATTRIBUTES},
    }


class PortBindings:
    """The bindings of a port to other hosts than its own.

    :param inactive: the bindings by host, which are changed
    """

    def __init__(
        self,
        port: dict[str, Any],
        network: Mapping[str, Any],
        inactive: dict[str, Binding],
    ) -> None:
        self._port = port
        self._network = network
        self._inactive = inactive

    def answer(self, request: webob.Request, path: str) -> webob.Response:
        """Answer a request.

        :param path: what follows the port in the path of the request
        :raises webob.exc.HTTPException: if there is no such binding, or is
            one already
        """
        _, host, action = [*path.split('/'), '', ''][:3]
        if request.method == 'POST':
            created = self._create(**request.json['binding'])
            return webob.Response(json={'binding': created}, status=201)
        if request.method == 'GET' and host == self._port['binding:host_id']:
            return webob.Response(json={'binding': _active(self._port)})
        if host not in self._inactive:
            raise webob.exc.HTTPNotFound()
        if request.method == 'DELETE':
            del self._inactive[host]
            return webob.Response(status=204)
        if action == 'activate':
            self._activate(host)
            return webob.Response(json={'binding': _active(self._port)})
        return webob.Response(json={'binding': self._inactive[host]})

    def _create(
        self, host: str, vnic_type: str, profile: dict[str, Any]
    ) -> Binding:
        if host in (*self._inactive, self._port['binding:host_id']):
            raise webob.exc.HTTPConflict()
        self._inactive[host] = {
            'host': host,
            'vnic_type': vnic_type,
            'profile': profile,
            'status': 'INACTIVE',
            **plugged(self._network, vnic_type),
        }
        return self._inactive[host]

    def _activate(self, host: str) -> None:
        before = _active(self._port) | {'status': 'INACTIVE'}
        binding = self._inactive.pop(host)
        self._inactive[before['host']] = before
        self._port['binding:host_id'] = host
        for name in _ATTRIBUTES:
            self._port[f'binding:{name}'] = binding[name]
