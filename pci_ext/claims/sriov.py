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

from collections.abc import Sequence
from typing import Any

from nova import objects
from nova.objects import fields

from pci_ext.matching import grouping

PF = fields.PciDeviceType.SRIOV_PF
VFS = (fields.PciDeviceType.SRIOV_VF, fields.PciDeviceType.VDPA)


Pool = dict[str, Any]


def split_pools(pools: Sequence[Pool]) -> list[tuple[Pool, Pool]]:
    """Split pools by card, if the host offers physical functions too.

    :returns: pairs of a pool and a part of it, with those devices that exclude
        the same others, and the address of their PF; a pool that is not split
        is its own part
    """
    if PF not in [pool['dev_type'] for pool in pools]:
        return list(zip(pools, pools, strict=True))
    parts = []
    for pool in pools:
        if (
            grouping.ADDRESS in pool
            or 'devices' not in pool
            or pool['dev_type'] not in (PF, *VFS)
        ):
            parts.append((pool, pool))
            continue
        by_card: dict[str | None, list[objects.PciDevice]] = {}
        for device in pool['devices']:
            by_card.setdefault(_card_of(device), []).append(device)
        for card, devices in by_card.items():
            part = {**pool, 'count': len(devices), 'devices': devices}
            if card:
                part[grouping.ADDRESS] = card
            parts.append((pool, part))
    return parts


def move_last(pool: Pool, part: Pool, count: int) -> None:
    """Move devices of a part of a pool to where Nova takes devices from."""
    if part is pool:
        return
    # The next request must take other devices of this part.
    chosen, part['devices'] = part['devices'][:count], part['devices'][count:]
    ids = {id(device) for device in chosen}
    pool['devices'] = [
        device for device in pool['devices'] if id(device) not in ids
    ] + chosen


def _card_of(device: 'objects.PciDevice') -> str | None:
    if device.dev_type == PF:
        return device.address if device.child_devices else None
    parent = device.parent_device
    return parent.address if parent and parent.is_available() else None
