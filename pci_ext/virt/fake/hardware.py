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

"""The PCI devices of simulated hosts, read from a hardware file.

A file in YAML or JSON lists hosts, and for each the cards in it::

    hosts:
    - name: compute-1
      cards:
      - kind: gpu
        vendor_id: 10de
        product_id: 20b0
        address: [0000:3b:00.0, 0000:5e:00.0]
        numa_node: 0
      - kind: nic
        vendor_id: 8086
        product_id: 1572
        address: 0000:d8:00.0
        vfs: {count: 8, product_id: 154c}

:func:`load` returns the devices of each host as Nova's libvirt driver reports
them, and their ``class``.
"""

from collections.abc import Mapping
import json
import re
from typing import Any

import yaml

from pci_ext import exception
from pci_ext.virt.fake import hardware_cards
from pci_ext.virt.fake import hardware_values

_HOST_NAME = re.compile(r'[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?')


def load(path: str) -> dict[str, list[dict[str, Any]]]:
    """Read the devices of every host in a hardware file.

    :param path: a file in YAML, or in JSON where its name ends in ``.json``
    :returns: by host name, in the order of the file, the devices of the host
    :raises InvalidHardware: with the place in the file and the reason
    """
    try:
        with open(path, encoding='utf-8') as stream:
            return _hosts(_parse(path, stream.read()))
    except OSError as error:
        reason = error.strerror or str(error)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Errors of yaml have several lines.
        reason = ' '.join(str(error).split())
    raise exception.InvalidHardware(path=path, reason=reason)


def _parse(path: str, text: str) -> Any:
    if path.endswith('.json'):
        return json.loads(text)
    # Every scalar is read as text: otherwise YAML reads the address 28:00.1 as
    # a number in base 60, and the id 0022 as one in base 8.
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506


def _hosts(document: Any) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(document, Mapping) or list(document) != ['hosts']:
        raise hardware_values.InvalidCard(
            'the file is an object with the key "hosts"'
        )
    if not isinstance(document['hosts'], list) or not document['hosts']:
        raise hardware_values.InvalidCard(
            '"hosts" is a list of at least one host'
        )
    hosts: dict[str, list[dict[str, Any]]] = {}
    for number, host in enumerate(document['hosts'], start=1):
        name = _host_name(host, number)
        if name in hosts:
            raise hardware_values.InvalidCard(f'two hosts are named {name}')
        hosts[name] = _devices(name, host.get('cards') or [])
    return hosts


def _host_name(host: Any, number: int) -> str:
    if not isinstance(host, Mapping):
        raise hardware_values.InvalidCard(f'host {number} is not an object')
    unknown = set(host) - {'name', 'cards'}
    if unknown:
        raise hardware_values.InvalidCard(
            f'host {number} has the unknown key {min(unknown)!r}; '
            'a host has the keys name and cards'
        )
    name = host.get('name')
    if not isinstance(name, str) or not _HOST_NAME.fullmatch(name):
        raise hardware_values.InvalidCard(
            f'host {number} has no valid name: {name!r}'
        )
    return name


def _devices(host: str, entries: Any) -> list[dict[str, Any]]:
    if not isinstance(entries, list):
        raise hardware_values.InvalidCard(
            f'the cards of host {host} are not a list'
        )
    devices: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, start=1):
        where = f'host {host}, card {number}'
        for device in hardware_cards.expand(entry, where):
            address = device['address']
            if address in devices:
                raise hardware_values.InvalidCard(
                    f'{where}: the address {address} is used already'
                )
            devices[address] = device
    return list(devices.values())
