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

"""The OpenAPI document: the API described for programs."""

from typing import Any

from nova.api import validation
from nova.api.openstack import common
from nova.api.openstack import wsgi

from pci_ext.api import policy
from pci_ext.api.openapi import document
from pci_ext.api.openapi import operations
from pci_ext.api.schemas import openapi_document as schema
from pci_ext.policies import pci_versions as policies


class ViewBuilder(common.ViewBuilder):
    def show(self, request: wsgi.Request) -> document.Document:
        """Describe the routes of the router that serves this request."""
        # Left there by the middleware of the router.
        mapper = request.environ['routes.url'].mapper
        url = common.url_join(
            self._update_compute_link_prefix(request.application_url),
            self._get_project_id(request),
        )
        return document.document(operations.served(mapper), url.rstrip('/'))


@validation.validated
class DescriptionsController(wsgi.Controller):
    _view_builder_class = ViewBuilder

    @wsgi.expected_errors(())
    @validation.query_schema(schema.show_query)
    @validation.response_body_schema(schema.show_response)
    def show(self, req: wsgi.Request) -> dict[str, Any]:
        """Describe the API in the form of OpenAPI.

        The document is made from the schemas that check requests and
        responses.
        """
        policy.authorize(req.environ['nova.context'], policies.INDEX)
        return self._view_builder.show(req)
