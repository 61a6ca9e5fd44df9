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

"""Status of unused devices of a card while others of it are in use.

When Nova claims or frees a physical or a virtual function, it changes the
status of the others of the card and removes them from the pools or adds them.
It assumes that all were known since nova-compute started. But functions of a
card may be offered or withdrawn while others of the card are in use.
"""

from collections.abc import Iterable

from nova import objects
from nova.objects import fields
from nova.pci import stats

from pci_ext.claims import sriov

PciDevices = list['objects.PciDevice']

_FREE = fields.PciDeviceStatus.AVAILABLE
_UNUSED = (
    _FREE,
    fields.PciDeviceStatus.UNCLAIMABLE,
    fields.PciDeviceStatus.UNAVAILABLE,
)


def devices_of_card(device: 'objects.PciDevice') -> PciDevices:
    """List all known devices of the same card, the device included."""
    whole = device.parent_device or device
    return [whole, *whole.child_devices]


def reconcile_status(
    devices: Iterable['objects.PciDevice'], pools: stats.PciDeviceStats
) -> None:
    """Set the status of devices that no server has, and update the pools.

    Afterwards each available device is in one pool, and others are in none.

    :param devices: physical and virtual functions, linked to each other
    :param pools: the pools of the host
    """
    pooled = {id(device) for device in pools.get_free_devs()}
    for device in devices:
        if device.status not in _UNUSED:
            continue
        status = _expected_status(device)
        # A field that is set is saved, even if its value is the same.
        if device.status != status:
            device.status = status
        if status != _FREE and id(device) in pooled:
            pools.remove_device(device)
        elif status == _FREE and id(device) not in pooled:
            pools.add_device(device)


def _expected_status(device: 'objects.PciDevice') -> str:
    excluding: PciDevices = []
    if device.dev_type == sriov.PF:
        excluding = device.child_devices
    elif device.dev_type in sriov.VFS and device.parent_device:
        excluding = [device.parent_device]
    statuses = {other.status for other in excluding}
    if fields.PciDeviceStatus.ALLOCATED in statuses:
        return str(fields.PciDeviceStatus.UNAVAILABLE)
    if fields.PciDeviceStatus.CLAIMED in statuses:
        return str(fields.PciDeviceStatus.UNCLAIMABLE)
    return str(_FREE)
