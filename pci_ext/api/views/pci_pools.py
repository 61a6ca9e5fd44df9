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

"""Views of pools."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from nova.api.openstack import common
from nova.api.openstack import wsgi

from pci_ext.api import paging
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import model

View = dict[str, Any]


class ViewBuilder(common.ViewBuilder):
    _collection_name = 'os-pci-pools'

    def index(
        self,
        request: wsgi.Request,
        pools: Iterable[model.Pool],
        usage: Mapping[str, Mapping[str, int | bool]],
        matching: flavor_matches.Matches,
        cells_down: Sequence[str],
    ) -> View:
        """Show a page of a list.

        :param usage: by the uuid of the pool
        """
        shown = []
        for pool in pools:
            item = pool.as_object()
            shown.append(
                {
                    'uuid': pool.uuid,
                    'host': item.host,
                    'properties': dict(item.properties),
                    'count': item.count,
                    'usage': dict(usage[pool.uuid]),
                    'pci_flavors': matching.names(pool.reported),
                }
            )
        view: View = {'pci_pools': shown, 'cells_down': list(cells_down)}
        links = paging.links(request, self, shown)
        if links:
            view['pci_pools_links'] = links
        return view
