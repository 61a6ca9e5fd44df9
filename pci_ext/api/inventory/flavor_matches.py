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

"""Which PCI flavors match the devices of a pool."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from pci_ext.matching import compiled_requests
from pci_ext.objects import pci_flavor


class Matches:
    """Holds PCI flavors against pools, as the scheduler does.

    Pools that are alike are looked at once.
    """

    def __init__(self, flavors: Iterable[pci_flavor.PciFlavor]) -> None:
        self._names: list[str] = []
        items = []
        for flavor in sorted(flavors, key=lambda each: each.name):
            self._names.append(flavor.name)
            items.append(compiled_requests.requirement(1, [flavor.specs]))
        self._requirements = compiled_requests.Requirements(items)
        self._found: dict[frozenset[tuple[str, Any]], list[str]] = {}

    def names(self, pool: Mapping[str, Any]) -> list[str]:
        """Give the names of those that match, in their order."""
        kind = frozenset(item for item in pool.items() if item[0] != 'count')
        if kind not in self._found:
            self._found[kind] = [
                name
                for name, price in zip(
                    self._names, self._requirements.prices(pool), strict=True
                )
                if price is not None
            ]
        return self._found[kind]
