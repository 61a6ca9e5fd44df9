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

"""The resource servers of Nova, with the PCI devices of servers."""

from collections.abc import Sequence
from typing import Any

from nova.api import validation
from nova.api.openstack import wsgi
from nova.api.openstack.compute import servers

from pci_ext.api import compute_api
from pci_ext.api import microversions
from pci_ext.api import policy
from pci_ext.api.inventory import server_devices
from pci_ext.api.inventory import server_summaries
from pci_ext.api.schemas import servers as schema
from pci_ext.api.views import servers as views
from pci_ext.policies import pci_devices as policies
from pci_ext.requests import ports

View = dict[str, Any]


class ServersController(servers.ServersController):
    # Nova checks its own errors and responses before these methods add to
    # them: an error of status 500 has the text that Nova gave it.
    _view_builder_class = views.ViewBuilder

    def __init__(self) -> None:
        super().__init__()
        self.compute_api = compute_api.ComputeAPI()

    @wsgi.response(202)
    @wsgi.expected_errors((400, 403, 409, 500))
    @validation.schema(schema.create)
    @validation.response_body_schema(schema.create_response)
    def create(self, req: wsgi.Request, body: View) -> Any:
        """Create a server, with the devices of ports by PCI flavor."""
        with ports.passing_port_flavors(_remove_flavors_of_ports(body)):
            return super().create(req, body=body)

    @wsgi.expected_errors((404, 500))
    @validation.response_body_schema(schema.show_response)
    def show(self, req: wsgi.Request, id: str) -> View:
        """Show a server, with its PCI devices."""
        view = super().show(req, id)
        _add_devices(req, [view['server']])
        return view

    @wsgi.expected_errors((400, 403, 500))
    @validation.response_body_schema(schema.detail_response)
    def detail(self, req: wsgi.Request) -> View:
        """List servers, with their PCI devices."""
        view = super().detail(req)
        _add_devices(req, view['servers'])
        return view


def _remove_flavors_of_ports(body: View) -> dict[str, str]:
    """Remove the PCI flavors of ports from a body: Nova refuses them.

    :returns: by port the names of the PCI flavors
    """
    networks = body['server'].get('networks') if 'server' in body else None
    return {
        network['port']: network.pop(ports.PCI_FLAVOR)
        for network in (networks if isinstance(networks, list) else ())
        if ports.PCI_FLAVOR in network
    }


def _add_devices(req: wsgi.Request, views: Sequence[View]) -> None:
    """Add devices to servers, as far as the policies for their projects go.

    Clients that do not know pci_ext may refuse a key that Nova does not have:
    a server without devices has it only for a client that names a version of
    the PCI API.
    """
    context = req.environ['nova.context']
    knows_key = microversions.requested(req) is not None
    # A server in a cell that is down may be shown without its project.
    project_of = {
        view['id']: view.get('tenant_id', context.project_id) for view in views
    }

    def allowing(rule: str) -> set[str]:
        """Return the projects for which a policy allows it."""
        return {
            project_id
            for project_id in set(project_of.values())
            if policy.authorize(
                context, rule, target={'project_id': project_id}, fatal=False
            )
        }

    shown = allowing(policies.SERVER)
    located = allowing(policies.SERVER_LOCATION)
    found = server_summaries.read_devices(
        context,
        [uuid for uuid, project in project_of.items() if project in shown],
    )
    for view in views:
        devices = found.get(view['id'])
        if devices is None or not (devices or knows_key):
            continue
        if project_of[view['id']] not in located:
            for device in devices:
                for key in server_devices.LOCATION:
                    del device[key]
        view['pci_devices'] = devices
