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

"""The limits of PCI flavors, below os-pci-flavors."""

from typing import Any

from nova.api import validation
from nova.api.openstack import identity
from nova.api.openstack import wsgi
from nova.limit import utils as limit_utils
import webob.exc

from pci_ext.api import errors
from pci_ext.api import policy
from pci_ext.api import visible_flavors
from pci_ext.api.quota import limits
from pci_ext.api.schemas import pci_flavor_limits as schema
from pci_ext.db import pci_flavor_limits as db
from pci_ext.i18n import _
from pci_ext.objects import pci_flavor
from pci_ext.policies import pci_flavor_limits as policies

View = dict[str, Any]


@validation.validated
class PciFlavorLimitsController(wsgi.Controller):
    @wsgi.expected_errors((404, 503))
    @validation.query_schema(schema.index_query)
    @validation.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request, pci_flavor_id: str) -> View:
        """Show how many devices projects may have."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.INDEX, target={})
        with errors.as_http():
            return _show(visible_flavors.find(context, pci_flavor_id))

    @wsgi.expected_errors((400, 404, 409, 503))
    @validation.schema(schema.update)
    @validation.response_body_schema(schema.update_response)
    def update(
        self, req: wsgi.Request, pci_flavor_id: str, body: View
    ) -> View:
        """Change the limits that are given; one of null is removed.

        What projects have already they keep.
        """
        context = req.environ['nova.context']
        policy.authorize(context, policies.UPDATE, target={})
        with errors.as_http():
            flavor = visible_flavors.find(context, pci_flavor_id)
        if limit_utils.use_unified_limits():
            raise webob.exc.HTTPConflict(
                explanation=_(
                    'This deployment uses unified limits: the limit of the '
                    'PCI flavor is registered with keystone as '
                    '%(prefix)s%(name)s.'
                )
                % {'prefix': limits.RESOURCE, 'name': flavor.name}
            )
        given = body['pci_flavor_limits']
        changes = dict(given.get('projects', {}))
        for project_id, limit in changes.items():
            if limit is not None:
                identity.verify_project_id(context, project_id)
        if 'default' in given:
            changes[db.DEFAULT] = given['default']
        with errors.as_http():
            db.update(flavor.uuid, changes)
            return _show(flavor)


def _show(flavor: pci_flavor.PciFlavor) -> View:
    projects = db.get(flavor.uuid)
    default = projects.pop(db.DEFAULT, None)
    return {'pci_flavor_limits': {'default': default, 'projects': projects}}
