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

"""The resource os-pci of the API: that pci_ext is here, and its versions."""

from typing import Any

from nova.api import validation
from nova.api.openstack import common
from nova.api.openstack import wsgi

from pci_ext.api import microversions
from pci_ext.api import policy
from pci_ext.api.schemas import pci_versions as schema
from pci_ext.policies import pci_versions as policies


class ViewBuilder(common.ViewBuilder):
    def index(self, request: wsgi.Request) -> dict[str, Any]:
        """Show the versions in the form of Nova's version document."""
        href = common.url_join(
            self._update_compute_link_prefix(request.application_url),
            self._get_project_id(request),
            'os-pci',
        )
        return {
            'versions': [
                {
                    'id': f'v{microversions.MAX_VERSION.partition(".")[0]}',
                    'status': 'CURRENT',
                    'version': microversions.MAX_VERSION,
                    'min_version': microversions.MIN_VERSION,
                    'links': [{'rel': 'self', 'href': href}],
                }
            ]
        }


@validation.validated
class PciVersionsController(wsgi.Controller):
    _view_builder_class = ViewBuilder

    @wsgi.expected_errors(())
    @validation.query_schema(schema.index_query)
    @validation.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request) -> dict[str, Any]:
        """List the versions of the API of pci_ext."""
        policy.authorize(req.environ['nova.context'], policies.INDEX)
        return self._view_builder.index(req)
