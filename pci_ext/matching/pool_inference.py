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

"""Inference of the pool of a device, by which PCI flavors select it.

A PCI flavor selects pools, and a pool has only what its host groups devices
by. A host reports its pools; the records of devices say more than the pools,
and there is no pool of devices that are all in use. So how a host groups is
concluded from what it reports and from its free devices.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from pci_ext.matching import grouping

Properties = Mapping[str, str]

_IDS = frozenset(('vendor_id', 'product_id'))

# Keys that are in every pool of a host grouping by them, whether Nova or
# pci_ext offers the device. Hosts group by other properties only where pci_ext
# offers the device, and Nova adds some to pools that no record of a device
# has.
_IN_EVERY_POOL = _IDS | {'dev_type', 'numa_node'}


class HostGrouping:
    """The grouping of the devices of one host."""

    def __init__(
        self,
        pools: Iterable[Mapping[str, Any]],
        free: Iterable[Properties],
        special: Iterable[str] = (),
    ) -> None:
        """Infer the grouping.

        :param pools: what the host reports
        :param free: properties of its free devices
        :param special: attributes by which other hosts group devices, for
            devices whose own pool is not reported
        """
        self._pools = [grouping.properties_of(pool) for pool in pools]
        shown = {key for pool in self._pools for key in pool}
        # A free device is in a pool: what it has and no pool shows is not
        # grouped by.
        has = {key for device in free for key in device}
        if self._pools:
            has |= _IDS
        self._hidden = has - shown
        self._special = frozenset(special)

    def pool_of(self, device: Properties) -> dict[str, str]:
        """Return the properties of the pool that a device is in, or was.

        :param device: properties of its record, with the address of its card
        """
        visible = {
            key: value
            for key, value in device.items()
            if key not in self._hidden
        }
        possible = [pool for pool in self._pools if _may_hold(pool, visible)]
        if possible:
            # Two pools can differ in a property that the record does not have.
            first, *others = possible
            return {
                key: value
                for key, value in first.items()
                if all(pool.get(key) == value for pool in others)
            }
        special = sorted(self._special & set(visible))
        if special:
            visible[grouping.SPECIAL_ATTRS] = ','.join(special)
        return visible


def _may_hold(pool: Properties, device: Properties) -> bool:
    for key, value in pool.items():
        if key in device:
            if device[key] != value:
                return False
        elif key.startswith(grouping.ATTRIBUTE_PREFIX):
            return False
    return all(
        key in pool
        for key in device
        if key in _IN_EVERY_POOL or key.startswith(grouping.ATTRIBUTE_PREFIX)
    )
