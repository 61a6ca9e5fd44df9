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
"""The aliases in the configuration of Nova."""

from collections.abc import Mapping
import dataclasses

from nova import exception as nova_exception
from nova import objects
from nova.objects import fields
from nova.pci import request

from pci_ext import exception

_KEYS = ('vendor_id', 'product_id', 'dev_type')

#: Types of devices that an alias matches only if it names the type.
_NAMED_TYPES = (fields.PciDeviceType.SRIOV_PF, fields.PciDeviceType.VDPA)


@dataclasses.dataclass(frozen=True)
class Alias:
    """An alias.

    :ivar numa_policy: the NUMA policy of its requests
    :ivar specs: the properties of its devices, one dict an entry of the option
    """

    name: str
    numa_policy: str
    specs: tuple[Mapping[str, str], ...]

    def matches(self, device: 'objects.PciDevice') -> bool:
        """Tell whether an alias matches a device.

        Tags that the host of the device gives to it are not compared.
        """
        return any(_matches(spec, device) for spec in self.specs)


def _matches(spec: Mapping[str, str], device: 'objects.PciDevice') -> bool:
    if 'dev_type' not in spec and device.dev_type in _NAMED_TYPES:
        return False
    return all(
        spec[key].lower() == getattr(device, key).lower()
        for key in _KEYS
        if key in spec
    )


def read() -> dict[str, Alias]:
    """Read the aliases, by name in the order of the configuration.

    :raises UnsupportedConfiguration: if Nova would not accept them
    """
    try:
        aliases = request.get_alias_from_config()
    except nova_exception.PciInvalidAlias as error:
        raise exception.UnsupportedConfiguration(
            reason=error.format_message()
        ) from error
    return {
        name: Alias(name, numa_policy, tuple(specs))
        for name, (numa_policy, specs) in aliases.items()
    }
