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

"""Views of devices."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from nova.api.openstack import common
from nova.api.openstack import wsgi

from pci_ext.api import paging
from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import model

View = dict[str, Any]


class ViewBuilder(common.ViewBuilder):
    _collection_name = 'os-pci-devices'

    def show(
        self,
        request: wsgi.Request,
        device: model.Device,
        matching: flavor_matches.Matches,
    ) -> View:
        item = device.as_object()
        return {
            'pci_device': {
                'uuid': item.uuid,
                'host': item.host,
                'address': item.address,
                'dev_id': item.dev_id,
                'vendor_id': item.vendor_id,
                'product_id': item.product_id,
                'dev_type': item.dev_type,
                'numa_node': item.numa_node,
                'parent_addr': item.parent_addr,
                'status': item.status,
                'server_uuid': item.server_uuid,
                'withdrawn': device.withdrawn,
                'attributes': dict(item.attributes),
                'pci_flavors': matching.names(device.pool),
                'links': self._get_links(
                    request, item.uuid, self._collection_name
                ),
            }
        }

    def index(
        self,
        request: wsgi.Request,
        devices: Iterable[model.Device],
        matching: flavor_matches.Matches,
        cells_down: Sequence[str],
    ) -> View:
        """Show a page of a list."""
        shown = [
            self.show(request, device, matching)['pci_device']
            for device in devices
        ]
        view: View = {'pci_devices': shown, 'cells_down': list(cells_down)}
        links = paging.links(request, self, shown)
        if links:
            view['pci_devices_links'] = links
        return view
