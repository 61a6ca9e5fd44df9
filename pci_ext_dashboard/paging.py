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

"""Pages of tables, read forwards or backwards from a marker."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _
from horizon import messages
from horizon import tables
from horizon.utils import functions

from pci_ext.client import api_client

#: Reads a page of a list, by the parameters of the request and a limit.
Read = Callable[[api_client.Query, int], api_client.Page]


class PagedTableView(tables.PagedTableMixin, tables.DataTableView):
    """A table of which the API returns a page at a time."""

    #: By which the list is sorted.
    sort_keys: tuple[str, ...]

    def read_page(self, read: Read) -> list[dict[str, Any]]:
        """Read the page that the request asks for, with one more item.

        The other item only tells that there is another page.
        """
        marker, direction = self._get_marker()
        # In Horizon "asc" is the direction of the previous page.
        backwards = direction == 'asc'
        query = [('sort_key', key) for key in self.sort_keys]
        query.append(('sort_dir', 'desc' if backwards else 'asc'))
        if marker:
            query.append(('marker', marker))
        size = functions.get_page_size(self.request)
        page = read(query, size + 1)
        if page.cells_down:
            messages.warning(
                self.request,
                _('Cells do not answer, and their items are missing: %s')
                % ', '.join(page.cells_down),
            )
        items = page.items
        more = len(items) > size
        self._has_prev_data = more if backwards else bool(marker)
        self._has_more_data = True if backwards else more
        items = items[:size]
        return items[::-1] if backwards else items
