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

"""Views of servers: Nova's, without an internal extra spec."""

from typing import Any

from nova import objects
from nova.api.openstack import wsgi
from nova.api.openstack.compute.views import servers

from pci_ext import server_state


class ViewBuilder(servers.ViewBuilder):
    """Nova's view, without the extra spec of resolved PCI requests."""

    def _get_flavor_dict(
        self,
        request: wsgi.Request,
        flavor: 'objects.Flavor',
        show_extra_specs: bool,
    ) -> dict[str, Any]:
        view = super()._get_flavor_dict(request, flavor, show_extra_specs)
        if 'extra_specs' in view:
            view['extra_specs'] = {
                key: value
                for key, value in view['extra_specs'].items()
                if key != server_state.RESOLVED
            }
        return view
