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

"""The server actions of the API: attach_pci, detach_pci, reattach_pci."""

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.api import validation
from nova.api.openstack import wsgi
from nova.compute import api as compute_api

from pci_ext.api import errors
from pci_ext.api import pci_actions
from pci_ext.api import policy
from pci_ext.api.inventory import server_devices
from pci_ext.api.schemas import server_actions as schema
from pci_ext.policies import pci_devices as policies
from pci_ext.requests import from_flavor

# Aliases and names have neither owners nor limits: in Nova only the flavors of
# administrators name them.
_RULES_OF_ATTACH = {
    from_flavor.ALIAS: policies.ATTACH_ALIAS,
    from_flavor.PCI_NAME: policies.ATTACH_NAME,
}


@validation.validated
class ServerActionsController(wsgi.Controller):
    """The actions that pci_ext adds to those of servers in Nova."""

    def __init__(self) -> None:
        super().__init__()
        self._compute_api = compute_api.API()
        self._pci_actions = pci_actions.PciActions()

    @wsgi.response(202)
    @wsgi.expected_errors((400, 403, 404, 409, 503))
    @wsgi.action('attach_pci')
    @validation.schema(schema.attach_pci)
    @validation.response_body_schema(schema.attach_pci_response)
    def _attach_pci(
        self, req: wsgi.Request, id: str, body: dict[str, Any]
    ) -> None:
        """Attach PCI devices to a server: all that are requested, or none."""
        extra_specs = body['attach_pci']
        context, instance = self._authorize(
            req,
            id,
            policies.ATTACH,
            *(
                rule
                for key, rule in _RULES_OF_ATTACH.items()
                if key in extra_specs
            ),
        )
        with errors.as_http():
            requests = pci_actions.resolve(instance, extra_specs)
            self._pci_actions.attach_pci(context, instance, requests)

    @wsgi.response(202)
    @wsgi.expected_errors((400, 403, 404, 409, 503))
    @wsgi.action('detach_pci')
    @validation.schema(schema.detach_pci)
    @validation.response_body_schema(schema.detach_pci_response)
    def _detach_pci(
        self, req: wsgi.Request, id: str, body: dict[str, Any]
    ) -> None:
        """Detach PCI devices from a server: all that are named, or none."""
        context, instance = self._authorize(req, id, policies.DETACH)
        dev_ids = [device['dev_id'] for device in body['detach_pci']]
        with errors.as_http():
            self._pci_actions.detach_pci(context, instance, dev_ids)

    @wsgi.response(202)
    @wsgi.expected_errors((400, 403, 404, 409, 503))
    @wsgi.action('reattach_pci')
    @validation.schema(schema.reattach_pci)
    @validation.response_body_schema(schema.reattach_pci_response)
    def _reattach_pci(
        self, req: wsgi.Request, id: str, body: dict[str, Any]
    ) -> None:
        """Attach PCI devices that are missing after a live migration."""
        context, instance = self._authorize(req, id, policies.REATTACH)
        with errors.as_http():
            self._pci_actions.reattach_pci(context, instance)

    def _authorize(
        self, req: wsgi.Request, id: str, *rules: str
    ) -> 'tuple[nova_context.RequestContext, objects.Instance]':
        context = req.environ['nova.context']
        instance = server_devices.find_server(
            self._compute_api, context, id, ('flavor', 'system_metadata')
        )
        for rule in rules:
            policy.authorize(
                context,
                rule,
                target={
                    'user_id': instance.user_id,
                    'project_id': instance.project_id,
                },
            )
        return context, instance
