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

"""The resource os-pci-pools: the pools of all hosts."""

from nova.api import validation
from nova.api.openstack import wsgi

from pci_ext.api import paging
from pci_ext.api import policy
from pci_ext.api import response_schema
from pci_ext.api import visible_flavors
from pci_ext.api.inventory import capacity
from pci_ext.api.inventory import filters
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import reader
from pci_ext.api.schemas import pci_pools as schema
from pci_ext.api.views import pci_pools as views
from pci_ext.policies import pci_pools as policies


@validation.validated
class PciPoolsController(wsgi.Controller):
    _view_builder_class = views.ViewBuilder

    @wsgi.expected_errors((400, 503))
    @validation.query_schema(schema.index_query)
    @response_schema.response_body_schema(schema.index_response)
    def index(self, req: wsgi.Request) -> views.View:
        """List pools by host."""
        context = req.environ['nova.context']
        policy.authorize(context, policies.INDEX, target={})
        flavors = visible_flavors.get_all(context)
        is_listed = filters.make_filter(req, schema.index_query, flavors)
        found, groups = reader.read_pools_and_groups(
            context, req.GET.get('host')
        )
        read = [pool for _, pools in found.hosts for pool in pools]
        page = paging.page(
            req,
            [
                pool
                for pool in read
                if is_listed(pool.properties, pool.properties)
            ],
            {
                'host': lambda pool: pool.host,
                'count': lambda pool: pool.count,
                'uuid': lambda pool: pool.uuid,
            },
            uuid_of=lambda pool: pool.uuid,
            default_keys=('host',),
            find=lambda uuid: [pool for pool in read if pool.uuid == uuid],
        )
        return self._view_builder.index(
            req,
            page,
            capacity.count_pools(page, groups),
            flavor_matches.Matches(flavors),
            found.cells_down,
        )
