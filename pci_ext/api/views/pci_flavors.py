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

"""Views of PCI flavors."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from nova import utils
from nova.api.openstack import common
from nova.api.openstack import wsgi

from pci_ext.api import paging
from pci_ext.i18n import _
from pci_ext.matching import request_grammar
from pci_ext.objects import pci_flavor

#: The id under which the available attributes are shown.
AVAILABLE_ATTRIBUTES_ID = '0'

#: The path of the list with all fields, below that of the resource.
DETAIL = '/detail'

View = dict[str, Any]


class ViewBuilder(common.ViewBuilder):
    _collection_name = 'os-pci-flavors'

    def basic(
        self, request: wsgi.Request, flavor: pci_flavor.PciFlavor
    ) -> View:
        return {
            'pci_flavor': {
                'uuid': flavor.uuid,
                'name': flavor.name,
                'description': flavor.description,
                'links': self._get_links(
                    request, flavor.uuid, self._collection_name
                ),
            }
        }

    def show(
        self,
        request: wsgi.Request,
        flavor: pci_flavor.PciFlavor,
        usage: Mapping[str, int | bool] | None = None,
    ) -> View:
        """Show all fields of a PCI flavor, with its usage if given."""
        view = self.basic(request, flavor)
        view['pci_flavor'].update(
            is_public=flavor.is_public,
            live_migration=flavor.live_migration,
            specs=dict(flavor.specs),
            created_at=utils.isotime(flavor.created_at),
            updated_at=(
                utils.isotime(flavor.updated_at) if flavor.updated_at else None
            ),
        )
        if usage is not None:
            view['pci_flavor']['usage'] = dict(usage)
        return view

    def index(
        self,
        request: wsgi.Request,
        flavors: Iterable[pci_flavor.PciFlavor],
    ) -> View:
        """Show a page of a list."""
        return self._page(
            request,
            [self.basic(request, flavor)['pci_flavor'] for flavor in flavors],
        )

    def detail(
        self,
        request: wsgi.Request,
        flavors: Iterable[pci_flavor.PciFlavor],
        usage: Mapping[str, Mapping[str, int | bool]],
    ) -> View:
        """Show a page of a list with all fields.

        :param usage: by the name of the PCI flavor; empty if not shown
        """
        return self._page(
            request,
            [
                self.show(request, flavor, usage.get(flavor.name))[
                    'pci_flavor'
                ]
                for flavor in flavors
            ],
            DETAIL,
        )

    def _page(
        self, request: wsgi.Request, shown: Sequence[View], below: str = ''
    ) -> View:
        view: View = {'pci_flavors': list(shown)}
        links = paging.links(request, self, shown, below)
        if links:
            view['pci_flavors_links'] = links
        return view

    @staticmethod
    def available_attributes(keys: Collection[str]) -> View:
        """Show the available attributes in the form of a PCI flavor."""
        return {
            'pci_flavor': {
                'uuid': AVAILABLE_ATTRIBUTES_ID,
                'name': request_grammar.RESERVED_NAME,
                'description': _('Available attributes for PCI flavors'),
                'specs': dict.fromkeys(sorted(keys), 'True'),
            }
        }
