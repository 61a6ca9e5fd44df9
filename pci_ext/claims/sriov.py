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

"""Pools split by SR-IOV card.

A server with the physical function (PF) of a card has its virtual functions
(VFs) too, so a PF and its VFs exclude each other (PCI SR-IOV). A pool does not
tell the cards of its devices; where that matters the pool is split by card.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
from typing import Any

from nova import objects
from nova.objects import fields

from pci_ext.matching import grouping

PF = fields.PciDeviceType.SRIOV_PF
VFS = (fields.PciDeviceType.SRIOV_VF, fields.PciDeviceType.VDPA)


@dataclasses.dataclass
class PoolSlice:
    """Devices of a pool that exclude the same other devices.

    :param card: address of the PF, if the host offers the PF too
    """

    pool: dict[str, Any]
    card: str | None
    devices: 'list[objects.PciDevice] | None'

    def as_pool(self) -> dict[str, Any]:
        """Return the properties and the count, not to be changed."""
        if self.devices is None:
            return self.pool
        view = {**self.pool, 'count': len(self.devices)}
        if self.card:
            view[grouping.ADDRESS] = self.card
        return view

    def move_last(self, count: int) -> None:
        """Move devices of this slice to where Nova takes devices from."""
        if self.devices is None:
            return
        # The next request must take other devices of this slice.
        chosen, self.devices = self.devices[:count], self.devices[count:]
        ids = {id(device) for device in chosen}
        self.pool['devices'] = [
            device for device in self.pool['devices'] if id(device) not in ids
        ] + chosen


def split_pools(pools: Sequence[dict[str, Any]]) -> Iterator[PoolSlice]:
    """Split pools by card, if the host offers physical functions too."""
    has_pf = any(pool['dev_type'] == PF for pool in pools)
    for pool in pools:
        if (
            not has_pf
            or grouping.ADDRESS in pool
            or 'devices' not in pool
            or pool['dev_type'] not in (PF, *VFS)
        ):
            yield PoolSlice(pool, None, None)
            continue
        by_card: dict[str | None, list[objects.PciDevice]] = {}
        for device in pool['devices']:
            by_card.setdefault(_card_of(device), []).append(device)
        for card, devices in by_card.items():
            yield PoolSlice(pool, card, devices)


def _card_of(device: 'objects.PciDevice') -> str | None:
    if device.dev_type == PF:
        return device.address if device.child_devices else None
    parent = device.parent_device
    return parent.address if parent and parent.is_available() else None
