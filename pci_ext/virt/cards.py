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

"""One card of an inventory, and the PCI devices that it is."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import re
from typing import Any

#: Class code of the usual device of a kind of card, in libvirt's notation.
#: Source: PCI Code and ID Assignment Specification, revision 1.15.
CLASSES = {
    'gpu': '0x030200',
    'nic': '0x020000',
    'nvme': '0x010802',
    'crypto': '0x0b4000',
}

#: An Intel 82599 has these; they keep the VFs of two functions apart.
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
_ID = re.compile(r'(?:0x)?([0-9a-f]{4})', re.IGNORECASE)
_CLASS = re.compile(r'(?:0x)?([0-9a-f]{6})', re.IGNORECASE)
_ADDRESS = re.compile(
    r'([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])', re.IGNORECASE
)
# As in nova.objects.fields.PciDeviceType, which is slow to import.
_STANDARD, _PF, _VF = _DEV_TYPES = ('type-PCI', 'type-PF', 'type-VF')


class InvalidCard(ValueError):
    """A card, or what is around it, is not as an inventory has it."""


@dataclasses.dataclass(frozen=True)
class Address:
    """A PCI address: domain of up to 32 bits, and 16 bits of routing id."""

    domain: int
    routing_id: int

    @classmethod
    def parse(cls, text: str, where: str) -> 'Address':
        match = _ADDRESS.fullmatch(text)
        if not match:
            raise InvalidCard(
                f'{where}: the address {text!r} is not like 0000:3b:00.0'
            )
        domain, bus, slot, function = (
            int(part, 16) for part in match.groups()
        )
        return cls(domain, bus << 8 | slot << 3 | function)

    def __str__(self) -> str:
        bus, slot = self.routing_id >> 8, self.routing_id >> 3 & 0x1F
        return f'{self.domain:04x}:{bus:02x}:{slot:02x}.{self.routing_id & 7}'


def expand(card: Any, where: str) -> Iterator[dict[str, Any]]:
    """Give the devices of a card, each of its PFs followed by the VFs.

    :param card: an entry of ``cards`` in an inventory file
    :param where: names the card in messages
    :raises InvalidCard: naming the key and what is wrong with its value
    """
    _check_keys(card, _CARD_KEYS, where)
    addresses = card.get('address')
    if not isinstance(addresses, list):
        addresses = [addresses]
    for text in addresses:
        address = Address.parse(str(text), where)
        device = describe(
            address=address,
            vendor_id=_hex(card, 'vendor_id', _ID, where),
            product_id=_hex(card, 'product_id', _ID, where),
            class_code=_class(card, where),
            numa_node=_integer(card, 'numa_node', None, where),
            dev_type=_dev_type(card, where),
        )
        if 'parent_addr' in card:
            parent = Address.parse(str(card['parent_addr']), where)
            device['parent_addr'] = str(parent)
        yield device
        if 'vfs' in card:
            yield from _vfs(card['vfs'], device, address, where)


def describe(
    address: Address,
    vendor_id: str,
    product_id: str,
    class_code: str,
    numa_node: int | None,
    dev_type: str,
) -> dict[str, Any]:
    """Describe a device in the form that Nova's libvirt driver reports."""
    text = str(address)
    return {
        'dev_id': 'pci_' + re.sub('[:.]', '_', text),
        'address': text,
        'product_id': product_id,
        'vendor_id': vendor_id,
        'numa_node': numa_node,
        'label': f'label_{vendor_id}_{product_id}',
        'dev_type': dev_type,
        'class': class_code,
    }


def _vfs(
    vfs: Any, pf: dict[str, Any], address: Address, where: str
) -> Iterator[dict[str, Any]]:
    # PCIe 6.0, 9.2.1.2: the routing id of VF n is that of the PF, plus the
    # first VF offset, plus (n - 1) strides.
    _check_keys(vfs, _VFS_KEYS, f'{where}, vfs')
    count = _integer(vfs, 'count', 0, where) or 0
    offset = _integer(vfs, 'offset', DEFAULT_VF_OFFSET, where) or 0
    stride = _integer(vfs, 'stride', DEFAULT_VF_STRIDE, where) or 0
    if not 1 <= count <= 256 or not offset or not stride:
        raise InvalidCard(
            f'{where}: vfs has a count of 1 to 256, and an offset and a '
            'stride of at least 1'
        )
    last = address.routing_id + offset + (count - 1) * stride
    if last > 0xFFFF:
        raise InvalidCard(f'{where}: the VFs do not fit behind bus ff')
    for routing_id in range(address.routing_id + offset, last + 1, stride):
        vf = describe(
            address=Address(address.domain, routing_id),
            vendor_id=pf['vendor_id'],
            product_id=_hex(vfs, 'product_id', _ID, f'{where}, vfs'),
            class_code=pf['class'],
            numa_node=pf['numa_node'],
            dev_type=_VF,
        )
        yield vf | {'parent_addr': pf['address']}


def _check_keys(value: Any, known: Collection[str], where: str) -> None:
    if not isinstance(value, Mapping):
        raise InvalidCard(f'{where} is not an object')
    unknown = set(map(str, value)) - set(known)
    if unknown:
        raise InvalidCard(
            f'{where}: unknown key {min(unknown)!r}; known are '
            f'{", ".join(known)}'
        )


def _hex(
    values: Mapping[str, Any], key: str, form: re.Pattern[str], where: str
) -> str:
    match = form.fullmatch(str(values.get(key)))
    if not match:
        raise InvalidCard(
            f'{where}: {key} is {values.get(key)!r}, not a hexadecimal number '
            'with all its digits, in quotes if this is JSON'
        )
    return match[1].lower()


def _class(card: Mapping[str, Any], where: str) -> str:
    if 'class' in card:
        return '0x' + _hex(card, 'class', _CLASS, where)
    kind = card.get('kind')
    if kind not in CLASSES:
        raise InvalidCard(
            f'{where}: kind is {kind!r}, not one of {", ".join(CLASSES)}; '
            'a card of another kind needs its class'
        )
    return CLASSES[kind]


def _integer(
    values: Mapping[str, Any], key: str, default: int | None, where: str
) -> int | None:
    text = values.get(key)
    if text is None:
        return default
    if isinstance(text, bool) or not re.fullmatch('[0-9]{1,5}', str(text)):
        raise InvalidCard(f'{where}: {key} is {text!r}, not a whole number')
    return int(text)


def _dev_type(card: Mapping[str, Any], where: str) -> str:
    usual = _PF if 'vfs' in card else _STANDARD
    dev_type = card.get('dev_type', usual)
    if dev_type not in _DEV_TYPES:
        raise InvalidCard(
            f'{where}: dev_type is {dev_type!r}, not one of '
            f'{", ".join(_DEV_TYPES)}'
        )
    if (dev_type == _VF) != ('parent_addr' in card):
        raise InvalidCard(
            f'{where}: a card with a parent_addr, and no other, has the '
            f'dev_type {_VF}'
        )
    if 'vfs' in card and dev_type != _PF:
        raise InvalidCard(f'{where}: a card with vfs is a PF')
    return str(dev_type)
