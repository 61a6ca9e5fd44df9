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

"""The access of projects to private PCI flavors, below os-pci-flavors."""

from typing import Any

from nova import context as nova_context
from nova.api import validation
from nova.api.openstack import identity
from nova.api.openstack import wsgi
import webob.exc

from pci_ext.api import errors
from pci_ext.api import pci_flavor_notifications
from pci_ext.api import policy
from pci_ext.api import visible_flavors
from pci_ext.api.schemas import pci_flavor_access as schema
from pci_ext.db import pci_flavor_access as db
from pci_ext.i18n import _
from pci_ext.objects import pci_flavor
from pci_ext.policies import pci_flavor_access as policies

View = dict[str, Any]


@validation.validated
class PciFlavorAccessController(wsgi.Controller):
    """The access of projects, which Nova's flavors have as actions.

    As in Nova, all projects have access to a public PCI flavor, and none can
    be listed, added or removed.
    """

    @wsgi.expected_errors((404, 503))
    @validation.query_schema(schema.index_query)
    @validation.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request, pci_flavor_id: str) -> View:
        """List the projects with access."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.INDEX, target={})
        with errors.as_http():
            flavor = visible_flavors.find(context, pci_flavor_id)
        if flavor.is_public:
            raise webob.exc.HTTPNotFound(explanation=_why_not(flavor))
        return {
            'pci_flavor_access': [
                {'project_id': project_id} for project_id in flavor.projects
            ]
        }

    @wsgi.response(201)
    @wsgi.expected_errors((400, 404, 409, 503))
    @validation.schema(schema.create)
    @validation.response_body_schema(schema.create_response)
    def create(
        self, req: wsgi.Request, pci_flavor_id: str, body: View
    ) -> View:
        """Add a project to those with access."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.CREATE, target={})
        project_id = body['pci_flavor_access']['project_id']
        with errors.as_http():
            flavor = _find_private(context, pci_flavor_id)
            identity.verify_project_id(context, project_id)
            db.add_project(flavor, project_id)
        flavor.projects = sorted({*flavor.projects, project_id})
        pci_flavor_notifications.notify(
            context, pci_flavor_notifications.UPDATE, flavor
        )
        return {'pci_flavor_access': {'project_id': project_id}}

    @wsgi.response(204)
    @wsgi.expected_errors((404, 409, 503))
    @validation.response_body_schema(schema.delete_response)
    def delete(self, req: wsgi.Request, pci_flavor_id: str, id: str) -> None:
        """Remove the access of a project.

        Its servers keep their devices. The project need not exist any more.
        """
        context = req.environ['nova.context']
        policy.authorize(context, policies.DELETE, target={})
        with errors.as_http():
            flavor = _find_private(context, pci_flavor_id)
            db.remove_project(flavor, id)
        flavor.projects = [each for each in flavor.projects if each != id]
        pci_flavor_notifications.notify(
            context, pci_flavor_notifications.UPDATE, flavor
        )


def _find_private(
    context: nova_context.RequestContext, id: str
) -> pci_flavor.PciFlavor:
    """Find a PCI flavor whose access can be changed."""
    flavor = visible_flavors.find(context, id)
    if flavor.is_public:
        raise webob.exc.HTTPConflict(explanation=_why_not(flavor))
    return flavor


def _why_not(flavor: pci_flavor.PciFlavor) -> str:
    return (
        _('PCI flavor %s is public: all projects have access to it.')
        % flavor.name
    )
