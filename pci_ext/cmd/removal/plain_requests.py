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
"""From the PCI requests of a server to those of a Nova without pci_ext.

Such a Nova knows requests by alias and those of ports. It makes the requests
of a server that moves from the alias in the flavor of the server. So every
device of the server, also one that was attached later, becomes one of an
alias, in the requests and in the flavor.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses

from nova import objects
from nova.objects import fields
from nova.pci import request as pci_request
from oslo_serialization import jsonutils

from pci_ext.cmd.aliases import configured
from pci_ext.matching import compiled_requests
from pci_ext.matching import device_specs
from pci_ext.matching import expressions
from pci_ext.requests import instance_requests

Aliases = Mapping[str, configured.Alias]


@dataclasses.dataclass
class PlainRequests:
    """The requests of a server for a Nova without pci_ext.

    :ivar requests: those of the server, with their ids
    :ivar aliases: devices by alias, for the flavor of the server
    :ivar missing: descriptions of the aliases that the configuration lacks
    """

    requests: instance_requests.InstanceRequests = dataclasses.field(
        default_factory=list
    )
    aliases: Counter[str] = dataclasses.field(default_factory=Counter)
    missing: list[str] = dataclasses.field(default_factory=list)


def convert(
    requests: 'Iterable[objects.InstancePCIRequest]',
    devices: 'Iterable[objects.PciDevice]',
    aliases: Aliases,
) -> PlainRequests:
    """Convert the requests of a server; they are not changed themselves.

    :param devices: of the server; it has none while it is shelved
    :param aliases: of the configuration, by name
    """
    devices = list(devices)
    result = PlainRequests()
    for request in requests:
        copy = request.obj_clone()
        result.requests.append(copy)
        if instance_requests.is_for_port(request):
            convert_port(copy)
            continue
        copy.requester_id = None
        if compiled_requests.is_by_pci_flavor(request.spec):
            names = list(
                _aliases_of(
                    request,
                    [
                        device
                        for device in devices
                        if device.request_id == request.request_id
                    ],
                    aliases,
                    result.missing,
                )
            )
            copy.spec = [
                dict(spec)
                for name in dict.fromkeys(names)
                for spec in aliases[name].specs
            ]
            copy.alias_name = next(iter(names), request.alias_name)
            result.aliases.update(names)
        elif request.alias_name in aliases:
            result.aliases[request.alias_name] += request.count
        else:
            result.missing.append(
                _describe(request.alias_name, request.spec[0])
            )
    return result


def _aliases_of(
    request: 'objects.InstancePCIRequest',
    devices: 'list[objects.PciDevice]',
    aliases: Aliases,
    missing: list[str],
) -> Iterator[str]:
    """Yield the name of an alias for each device of a request.

    Of several aliases the one with the name of a PCI flavor of the request
    comes first. A request without devices has no other.

    :param missing: is extended by the aliases that there are not
    """
    alternatives = {
        item.get(compiled_requests.PCI_FLAVOR)
        or item[compiled_requests.PCI_NAME]: item
        for item in request.spec
    }
    named = [aliases[name] for name in alternatives if name in aliases]
    if not devices:
        if named:
            yield from [named[0].name] * request.count
        else:
            missing.append(_describe(*next(iter(alternatives.items()))))
    for device in devices:
        found = next(
            (
                alias
                for alias in (*named, *aliases.values())
                if alias.matches(device)
            ),
            None,
        )
        if found:
            yield found.name
        else:
            missing.append(_entry(request.alias_name, device))


def _entry(name: str, device: 'objects.PciDevice') -> str:
    """Return the entry of the configuration that has a device."""
    entry = {
        'name': name.replace(',', '-'),
        'vendor_id': device.vendor_id,
        'product_id': device.product_id,
        'device_type': device.dev_type,
    }
    return f'alias = {jsonutils.dumps(entry)}'


def _describe(name: str, spec: Mapping[str, str]) -> str:
    """Describe an alias by its name, and the selector that it had."""
    selector = ', '.join(
        f'{key}={value}'
        for key, value in spec.items()
        if key not in compiled_requests.NOT_SELECTING
    )
    return f'an alias named {name}, for devices with {selector}'


def convert_port(request: 'objects.InstancePCIRequest') -> None:
    """Turn a request of a port into the one that Nova makes for it."""
    if not compiled_requests.is_by_pci_flavor(request.spec):
        return
    # The values that a port needs are the same in all alternatives.
    values = {
        key: expressions.unescape(request.spec[0].get(key, ''))
        for key in ('dev_type', device_specs.PHYSICAL_NETWORK, 'e.trusted')
    }
    spec = {
        pci_request.PCI_NET_TAG: values[device_specs.PHYSICAL_NETWORK] or None,
        pci_request.PCI_REMOTE_MANAGED_TAG: 'False',
    }
    if values['dev_type'] != fields.PciDeviceType.SRIOV_VF:
        spec[pci_request.PCI_DEVICE_TYPE_TAG] = values['dev_type']
    if values['e.trusted']:
        spec[pci_request.PCI_TRUSTED_TAG] = values['e.trusted']
    request.spec = [spec]
