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

"""The cards in a hardware file, expanded to PCI devices."""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from pci_ext.matching import addresses
from pci_ext.virt.fake import hardware_values

#: Class code of the usual device of a kind of card, in libvirt's notation.
#: Source: PCI Code and ID Assignment Specification, revision 1.15.
CLASSES = {
    'gpu': '0x030200',
    'nic': '0x020000',
    'nvme': '0x010802',
    'crypto': '0x0b4000',
}

#: Those of an Intel 82599; the VFs of two functions do not overlap.
DEFAULT_VF_OFFSET = 128
DEFAULT_VF_STRIDE = 2

_CARD_KEYS = (
    'kind',
    'vendor_id',
    'product_id',
    'class',
    'address',
    'numa_node',
    'dev_type',
    'parent_addr',
    'vfs',
)
_VFS_KEYS = ('count', 'product_id', 'offset', 'stride')
# As in nova.objects.fields.PciDeviceType, which is slow to import.
_STANDARD, _PF, _VF = _DEV_TYPES = ('type-PCI', 'type-PF', 'type-VF')


def expand(card: Any, where: str) -> Iterator[dict[str, Any]]:
    """Return the devices of a card, each of its PFs followed by the VFs.

    :param card: an entry of ``cards`` in a hardware file
    :param where: name of the card in messages
    :raises hardware_values.InvalidCard: with the key and the reason
    """
    hardware_values.check_keys(card, _CARD_KEYS, where)
    addresses = card.get('address')
    if not isinstance(addresses, list):
        addresses = [addresses]
    for text in addresses:
        address = hardware_values.Address.parse(str(text), where)
        device = _describe(
            address=address,
            vendor_id=hardware_values.hexadecimal(card, 'vendor_id', where),
            product_id=hardware_values.hexadecimal(card, 'product_id', where),
            class_code=_class(card, where),
            numa_node=hardware_values.integer(card, 'numa_node', where),
            dev_type=_dev_type(card, where),
        )
        if 'parent_addr' in card:
            parent = hardware_values.Address.parse(
                str(card['parent_addr']), where
            )
            device['parent_addr'] = str(parent)
        yield device
        if 'vfs' in card:
            yield from _vfs(card['vfs'], device, address, where)


def _describe(
    address: hardware_values.Address,
    vendor_id: str,
    product_id: str,
    class_code: str | None,
    numa_node: int | None,
    dev_type: str,
) -> dict[str, Any]:
    """Describe a device in the form that Nova's libvirt driver reports."""
    text = str(address)
    device = {
        'dev_id': addresses.node_device_name(text),
        'address': text,
        'product_id': product_id,
        'vendor_id': vendor_id,
        'numa_node': numa_node,
        'label': f'label_{vendor_id}_{product_id}',
        'dev_type': dev_type,
    }
    if class_code:
        device['class'] = class_code
    return device


def _vfs(
    vfs: Any, pf: dict[str, Any], address: hardware_values.Address, where: str
) -> Iterator[dict[str, Any]]:
    # PCIe 6.0, 9.2.1.2: the routing id of VF n is that of the PF, plus the
    # first VF offset, plus (n - 1) strides.
    within = f'{where}, vfs'
    hardware_values.check_keys(vfs, _VFS_KEYS, within)
    product_id = hardware_values.hexadecimal(vfs, 'product_id', within)
    count = hardware_values.integer(vfs, 'count', within) or 0
    offset = (
        hardware_values.integer(vfs, 'offset', within, DEFAULT_VF_OFFSET) or 0
    )
    stride = (
        hardware_values.integer(vfs, 'stride', within, DEFAULT_VF_STRIDE) or 0
    )
    if not 1 <= count <= 256 or not offset or not stride:
        raise hardware_values.InvalidCard(
            f'{where}: vfs has a count of 1 to 256, and an offset and a '
            'stride of at least 1'
        )
    last = address.routing_id + offset + (count - 1) * stride
    if last > 0xFFFF:
        raise hardware_values.InvalidCard(
            f'{where}: the VFs do not fit behind bus ff'
        )
    for routing_id in range(address.routing_id + offset, last + 1, stride):
        vf = _describe(
            address=hardware_values.Address(address.domain, routing_id),
            vendor_id=pf['vendor_id'],
            product_id=product_id,
            class_code=pf.get('class'),
            numa_node=pf['numa_node'],
            dev_type=_VF,
        )
        yield vf | {'parent_addr': pf['address']}


def _class(card: Mapping[str, Any], where: str) -> str | None:
    kind = card.get('kind')
    if kind is not None and str(kind) not in CLASSES:
        raise hardware_values.InvalidCard(
            f'{where}: kind is {kind!r}, not one of {", ".join(CLASSES)}; '
            'a card of another kind has a class'
        )
    if 'class' in card:
        return '0x' + hardware_values.hexadecimal(
            card, 'class', where, digits=6
        )
    return CLASSES.get(str(kind))


def _dev_type(card: Mapping[str, Any], where: str) -> str:
    usual = _PF if 'vfs' in card else _STANDARD
    dev_type = card.get('dev_type', usual)
    if dev_type not in _DEV_TYPES:
        raise hardware_values.InvalidCard(
            f'{where}: dev_type is {dev_type!r}, not one of '
            f'{", ".join(_DEV_TYPES)}'
        )
    if (dev_type == _VF) != ('parent_addr' in card):
        raise hardware_values.InvalidCard(
            f'{where}: a card with a parent_addr, and no other, has the '
            f'dev_type {_VF}'
        )
    if 'vfs' in card and dev_type != _PF:
        raise hardware_values.InvalidCard(f'{where}: a card with vfs is a PF')
    return str(dev_type)
