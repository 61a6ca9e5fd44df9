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

"""Convert libvirt's node devices to a hardware file, to simulate a real host.

Run on the host, with libvirt's own command::

    for device in $(virsh nodedev-list --cap pci); do
        virsh nodedev-dumpxml "$device"
    done > devices.xml

and anywhere, with pci_ext::

    python -m pci_ext.virt.fake.nodedev --host NAME nodes.xml > devices.yaml

Source of the format: https://libvirt.org/formatnode.html
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import re
import sys
from typing import Any

from lxml import etree
import yaml

from pci_ext import exception
from pci_ext.virt.fake import hardware_values

#: Class codes of bridges, which cannot be passed to a server.
_BRIDGE = re.compile('0x06')

_DECLARATION = re.compile(rb'<\?xml[^>]*\?>')


def convert(path: str, document: bytes) -> list[dict[str, Any]]:
    """Convert descriptions of libvirt to cards of a hardware file.

    Devices that differ in their addresses only become one card with a list of
    addresses; a VF becomes a card of its own, with its PF as parent_addr.
    Bridges and devices of other buses are left out.

    :param path: named in messages
    :param document: one or several outputs of ``virsh nodedev-dumpxml``
    :raises InvalidHardware: if it is not XML, or a PCI device is not
        described as by libvirt
    """
    # Several outputs are not one document. Inside another document they
    # cannot declare entities.
    joined = b'<all>' + _DECLARATION.sub(b'', document) + b'</all>'
    try:
        devices = list(etree.fromstring(joined).iterfind('device'))
    except etree.XMLSyntaxError as error:
        raise exception.InvalidHardware(
            path=path, reason=str(error)
        ) from error
    described = []
    for device in devices:
        capability = device.find("capability[@type='pci']")
        if capability is None:
            continue
        try:
            card = _card(capability)
        except (AttributeError, TypeError, ValueError) as error:
            name = device.findtext('name')
            raise exception.InvalidHardware(
                path=path,
                reason=f'the device {name} is not described as by libvirt: '
                f'{error}',
            ) from error
        if not _BRIDGE.match(card.get('class', '')):
            described.append(card)
    return _join(described)


def _card(capability: Any) -> dict[str, Any]:
    card: dict[str, Any] = {
        'vendor_id': _hex_id(capability.find('vendor')),
        'product_id': _hex_id(capability.find('product')),
        'address': _address(capability.findtext),
    }
    class_code = capability.findtext('class')
    if class_code:
        card['class'] = class_code
    numa = capability.find('numa')
    if numa is not None:
        card['numa_node'] = int(numa.get('node'))
    pf = capability.find("capability[@type='phys_function']/address")
    if pf is not None:
        card['dev_type'] = 'type-VF'
        card['parent_addr'] = _address(pf.get)
    elif capability.find("capability[@type='virt_functions']") is not None:
        card['dev_type'] = 'type-PF'
    return card


def _hex_id(element: Any) -> str:
    return f'{int(element.get("id"), 16):04x}'


def _address(value_of: Callable[[str], str]) -> str:
    domain, bus, slot, function = (
        int(value_of(name), 0)
        for name in ('domain', 'bus', 'slot', 'function')
    )
    return str(
        hardware_values.Address(domain, bus << 8 | slot << 3 | function)
    )


def _join(described: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: dict[tuple[Any, ...], dict[str, Any]] = {}
    for card in described:
        address = card.pop('address')
        key = tuple(sorted(card.items()))
        joined.setdefault(key, {**card, 'address': []})
        joined[key]['address'].append(address)
    return list(joined.values())


def main(argv: Sequence[str]) -> int:
    """Write the hardware file of a host to the standard output."""
    parser = argparse.ArgumentParser(
        prog='python -m pci_ext.virt.fake.nodedev',
        description='Make a hardware file for pci-ext-allinone from the '
        'output of "virsh nodedev-dumpxml".',
    )
    parser.add_argument('--host', default='host-1', help='name of the host')
    parser.add_argument(
        'files', nargs='+', metavar='file', help='file of XML; - for stdin'
    )
    args = parser.parse_args(argv)
    found: list[dict[str, Any]] = []
    try:
        for path in args.files:
            found += convert(path, _read(path))
    except (exception.InvalidHardware, OSError) as error:
        sys.stderr.write(f'{parser.prog}: error: {error}\n')
        return 1
    hardware = {'hosts': [{'name': args.host, 'cards': found}]}
    yaml.safe_dump(hardware, sys.stdout, sort_keys=False)
    return 0


def _read(path: str) -> bytes:
    if path == '-':
        return sys.stdin.buffer.read()
    with open(path, 'rb') as stream:
        return stream.read()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
