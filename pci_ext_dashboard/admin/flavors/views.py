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

"""The pages of PCI flavors."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from horizon import exceptions

from pci_ext_dashboard import paging
from pci_ext_dashboard.admin.flavors import tables
from pci_ext_dashboard.api import pci


class IndexView(paging.PagedTableView):
    table_class = tables.PciFlavorsTable
    page_title = _('PCI Flavors')
    sort_keys = ('name',)

    def get_data(self) -> list[dict[str, Any]]:
        client = pci.client(self.request)
        try:
            return self.read_page(
                lambda query, limit: client.list_flavors(True, query, limit)
            )
        except Exception:
            exceptions.handle(
                self.request, _('Unable to list the PCI flavors.')
            )
            return []
