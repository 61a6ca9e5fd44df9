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

"""Seam: the pools of a host in its record in the table of compute nodes.

Nova makes an object of each pool whenever it reads a compute node: the
scheduler those of a thousand hosts for each boot, only to make dicts of them.
Here the text is parsed when the pools are needed, and once for equal records.
"""

import functools
from typing import Any

from nova.objects import pci_device_pool

from pci_ext.activation import seam
from pci_ext.claims import reported_pools
from pci_ext.matching import grouping

# Records remembered: several times the hosts that Placement hands to the
# scheduler, unless it is told otherwise. Ten pools take some ten kilobytes.
_RECORDS = 4096

_read = pci_device_pool.from_pci_stats


class RecordedPoolList(pci_device_pool.PciDevicePoolList):
    """Nova's list of pools, read from the record when it is needed.

    :ivar record: the text; None if the objects exist, which may be changed
    """

    def __init__(
        self, *args: Any, record: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.record = record
        if record is not None:
            del self._obj_objects

    @classmethod
    def obj_name(cls) -> str:
        """Return the name of the class that other services know."""
        return pci_device_pool.PciDevicePoolList.obj_name()

    def obj_attr_is_set(self, attrname: str) -> bool:
        """As far as its users see, the objects exist."""
        return attrname == 'objects' or super().obj_attr_is_set(attrname)

    def obj_load_attr(self, attrname: str) -> None:
        pools = _read(self.record)
        self.objects = pools.objects
        self._changed_fields = pools._changed_fields
        self.record = None


def from_pci_stats(pci_stats: Any) -> 'pci_device_pool.PciDevicePoolList':
    """Return the list of pools of a record; of an old format as Nova does."""
    if isinstance(pci_stats, str) and 'nova_object.namespace' in pci_stats:
        return RecordedPoolList(record=pci_stats)
    return _read(pci_stats)


def pools_of(
    pools: 'pci_device_pool.PciDevicePoolList | None',
) -> grouping.RecordedPools | None:
    """Return the properties of the pools; None without an unchanged record."""
    record = getattr(pools, 'record', None)
    return None if record is None else _parse(record)


@functools.lru_cache(_RECORDS)
def _parse(record: str) -> grouping.RecordedPools:
    return grouping.RecordedPools(reported_pools.parse_pools(record))


SEAM = seam.Seam(
    module='nova.objects.pci_device_pool',
    name='from_pci_stats',
    replacement=from_pci_stats,
    signatures={'': ('pci_stats',)},
)
