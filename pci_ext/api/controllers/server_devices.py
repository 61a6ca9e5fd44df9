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

"""The devices of a server, each with its request."""

from collections.abc import Mapping
from typing import Any

from nova import objects
from nova.api import validation
from nova.api.openstack import wsgi
from nova.compute import api as compute
from nova.compute import vm_states
from nova.policies import instance_actions

from pci_ext import server_state
from pci_ext.api import policy
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import server_devices
from pci_ext.api.schemas import server_devices as schema
from pci_ext.i18n import _
from pci_ext.matching import compiled_requests
from pci_ext.policies import pci_devices as policies
from pci_ext.requests import instance_requests
from pci_ext.requests import teaming

View = dict[str, Any]

_EVENT_DETAILS = instance_actions.BASE_POLICY_NAME % 'events:details'


@validation.validated
class ServerDevicesController(wsgi.Controller):
    def __init__(self) -> None:
        super().__init__()
        self._compute_api = compute.API()

    @wsgi.expected_errors((404, 503))
    @validation.query_schema(schema.index_query)
    @validation.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request, server_id: str) -> View:
        """List the devices of a server, on its host."""
        context = req.environ['nova.context']
        instance = server_devices.find_server(
            self._compute_api, context, server_id
        )
        target = {'project_id': instance.project_id}
        policy.authorize(context, policies.SERVER, target=target)
        pairs = teaming.pairs(instance)
        shown = [
            _show(each, pairs)
            for each in server_devices.list_server_devices(instance)
        ]
        shows_location = policy.authorize(
            context, policies.SERVER_LOCATION, target=target, fatal=False
        )
        # An error of the hypervisor may name the location and other servers.
        shows_errors = shows_location and context.can(
            _EVENT_DETAILS, target=target, fatal=False
        )
        for device in shown:
            if not shows_location:
                for key in server_devices.LOCATION:
                    del device[key]
            if device['last_error'] and not shows_errors:
                device['last_error'] = _describe_error(
                    device['state'], instance.vm_state
                )
        return {'pci_devices': shown}


def _describe_error(state: str, vm_state: str) -> str:
    """Return the error of a device for users who may not see its text."""
    if state == server_devices.State.DETACHING:
        if vm_state == vm_states.PAUSED:
            return _(
                'The device was not detached: a paused guest releases none. '
                'Unpause the server; the device is freed then.'
            )
        return _(
            'The device was not detached: the guest has not released it. It '
            'is freed when the guest does, or when the server is stopped.'
        )
    if state == server_devices.State.RETRYING:
        return _('The device was not attached, and will be tried again.')
    return _('The device was not attached.')


def _show(each: server_devices.ServerDevice, pairs: Mapping[str, str]) -> View:
    is_hot = each.request is not None and server_state.is_of_attach(
        each.request
    )
    port_id = _port_of(each.request)
    item = each.device.as_object()
    return {
        'address': item.address,
        'dev_id': item.dev_id,
        'vendor_id': item.vendor_id,
        'product_id': item.product_id,
        'pci_flavor': each.pci_flavor,
        'alternatives': each.alternatives,
        'pci_name': _name_of(each.request),
        'status': item.status,
        'attached': 'hot' if is_hot else 'boot',
        'state': each.state,
        'last_error': each.last_error,
        'port_id': port_id,
        'failover_port_id': pairs.get(port_id) if port_id else None,
    }


def _name_of(request: 'objects.InstancePCIRequest | None') -> str | None:
    """Return the name of a device that was requested by it."""
    names = flavor_matches.alternatives_of(request, compiled_requests.PCI_NAME)
    return names[0] if names else None


def _port_of(request: 'objects.InstancePCIRequest | None') -> str | None:
    if request is None or not instance_requests.is_for_port(request):
        return None
    return str(request.requester_id)
