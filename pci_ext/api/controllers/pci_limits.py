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

"""The limits and the usage of a project."""

from typing import Any

from nova.api import validation
from nova.api.openstack import identity
from nova.api.openstack import wsgi

from pci_ext.api import errors
from pci_ext.api import policy
from pci_ext.api import visible_flavors
from pci_ext.api.quota import counted_flavors
from pci_ext.api.quota import limits
from pci_ext.api.quota import usage
from pci_ext.api.schemas import pci_limits as schema
from pci_ext.db import pci_flavor_limits as db
from pci_ext.policies import pci_flavor_limits as policies

View = dict[str, Any]


@validation.validated
class PciLimitsController(wsgi.Controller):
    @wsgi.expected_errors((400, 503))
    @validation.query_schema(schema.index_query)
    @validation.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request) -> View:
        """List the limits of a project, and the devices that it has."""
        context = req.environ['nova.context']
        project_id = req.GET.get('project_id', context.project_id)
        policy.authorize(
            context, policies.PROJECT, target={'project_id': project_id}
        )
        if project_id != context.project_id:
            identity.verify_project_id(context, project_id)
        flavors = visible_flavors.get_all(context)
        with errors.as_http():
            found = limits.get_limits(context, project_id)
            limit_of = (
                found.get([flavor.uuid for flavor in flavors]) if found else {}
            )
            used = usage.count_project(
                context, project_id, counted_flavors.CountedFlavors(flavors)
            )
        return {
            'pci_limits': [
                {
                    'pci_flavor': flavor.name,
                    'limit': limit_of.get(flavor.uuid, db.UNLIMITED),
                    'used': used[flavor.uuid],
                }
                for flavor in flavors
            ]
        }
