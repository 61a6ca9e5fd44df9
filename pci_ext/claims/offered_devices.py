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

"""Seam: the devices that a compute host offers.

Nova's Whitelist holds the device specs of the host. This subclass puts the
entries of ``[pci_ext] pci_devices`` and ``pci_information`` before those of
``[pci] device_spec``.
"""

from collections.abc import Callable
import functools
from typing import Any

from nova import objects
from nova.pci import devspec
from nova.pci import request
from nova.pci import whitelist
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils

from pci_ext.activation import seam
from pci_ext.matching import device_specs

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

# Width of the columns address and parent_addr in Nova's table pci_devices;
# an address with a 32-bit PCI domain is longer.
ADDRESS_LENGTH = 12

_DEVICE_FIELDS = (
    'address',
    'dev_id',
    'dev_type',
    'label',
    'numa_node',
    'parent_addr',
    'product_id',
    'vendor_id',
)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(jsonutils.dumps(value))


def properties_of(
    device: 'dict[str, Any] | objects.PciDevice',
) -> dict[str, str | None]:
    """Return the properties of a device as the hypervisor reports them.

    :param device: the hypervisor's report of a device, or Nova's record of
        it, with properties that have no field of their own in extra_info
    """
    if isinstance(device, dict):
        return {key: _text(value) for key, value in device.items()}
    properties = {
        key: value
        for key, value in device.extra_info.items()
        if not key.startswith('e.')
    }
    for key in _DEVICE_FIELDS:
        if key in device:
            properties[key] = _text(getattr(device, key))
    return properties


class OfferedDeviceSpec(devspec.PciDeviceSpec):
    """An entry of pci_ext in the shape of Nova's device spec."""

    def __init__(self, entry: device_specs.DeviceSpec) -> None:
        super().__init__({})
        self.entry = entry
        self.dev_spec_conf = {**entry.selector.specs, **entry.attributes}

    def match(self, dev_dict: dict[str, Any]) -> bool:
        return self.entry.selector.matches(properties_of(dev_dict))

    def get_tags(self) -> dict[str, str]:
        """Return the tags of Nova that Neutron and Placement are sent."""
        network = self.entry.attributes.get(device_specs.PHYSICAL_NETWORK)
        tags = {request.PCI_NET_TAG: network} if network else {}
        return {**tags, **self.entry.placement}

    def enhanced_pci_device_with_spec_tags(self, dev: dict[str, Any]) -> None:
        super().enhanced_pci_device_with_spec_tags(dev)
        dev.update(self.entry.attributes)


def drop_attributes(
    device: 'objects.PciDevice', spec: devspec.PciDeviceSpec | None
) -> None:
    """Remove attributes that a device no longer has from Nova's record.

    Nova adds new attributes to the record and removes none.

    :param spec: the entry that the device belongs to now
    """
    attributes = (
        spec.entry.attributes if isinstance(spec, OfferedDeviceSpec) else {}
    )
    kept = {
        key: value
        for key, value in device.extra_info.items()
        if not key.startswith('e.') or key in attributes
    }
    # A field that is set is saved, even if its value is the same.
    if kept != device.extra_info:
        device.extra_info = kept


def list_offered() -> tuple[OfferedDeviceSpec, ...]:
    """List the entries of this host in the order they are tried.

    :raises InvalidPciInformation: naming the entry that does not parse
    """
    return _parse(
        tuple(CONF.pci_ext.pci_devices), tuple(CONF.pci_ext.pci_information)
    )


@functools.lru_cache(maxsize=8)
def _parse(
    pci_devices: tuple[str, ...], pci_information: tuple[str, ...]
) -> tuple[OfferedDeviceSpec, ...]:
    """Parse the options; the scheduler needs them for every host."""
    entries = device_specs.parse_pci_devices(pci_devices) + tuple(
        device_specs.parse_pci_information(entry) for entry in pci_information
    )
    return tuple(OfferedDeviceSpec(entry) for entry in entries)


def too_long_address(device: dict[str, Any]) -> str | None:
    """Return the key of an address of a device that Nova cannot record.

    :param device: the hypervisor's report of a device
    """
    for key in ('address', 'parent_addr'):
        if len(device.get(key) or '') > ADDRESS_LENGTH:
            return key
    return None


class Whitelist(whitelist.Whitelist):
    """Nova's list of device specs, preceded by the entries of pci_ext."""

    def __init__(self, whitelist_spec: list[str] | None = None) -> None:
        """Read the options of Nova and of pci_ext.

        :raises InvalidPciInformation: naming the entry that does not parse
        """
        super().__init__(whitelist_spec)
        self._nova_specs: list[devspec.PciDeviceSpec] = list(self.specs)
        self.refresh()

    def refresh(self) -> None:
        """Read the current options of pci_ext.

        :raises InvalidPciInformation: naming the entry that does not parse;
            the offered devices do not change then
        """
        self.specs: list[devspec.PciDeviceSpec] = [
            *list_offered(),
            *self._nova_specs,
        ]

    def device_assignable(
        self, dev: dict[str, Any]
    ) -> devspec.PciDeviceSpec | None:
        key = too_long_address(dev)
        if key is not None:
            LOG.warning(
                'PCI device %(address)s is not offered: its %(key)s is longer '
                "than the %(length)d characters that Nova's table pci_devices "
                'can hold.',
                {
                    'address': dev['address'],
                    'key': key,
                    'length': ADDRESS_LENGTH,
                },
            )
            return None
        return self._find(properties_of(dev), lambda spec: spec.match(dev))

    def get_devspec(
        self, pci_dev: 'objects.PciDevice'
    ) -> devspec.PciDeviceSpec | None:
        return self._find(
            properties_of(pci_dev), lambda spec: spec.match_pci_obj(pci_dev)
        )

    def _find(
        self,
        properties: dict[str, str | None],
        match: Callable[[devspec.PciDeviceSpec], bool],
    ) -> devspec.PciDeviceSpec | None:
        """Find the first entry that matches a device.

        The properties are the same for all entries, of which there may be one
        a device.

        :param match: tells whether an entry of Nova does
        """
        for spec in self.specs:
            if isinstance(spec, OfferedDeviceSpec):
                found = spec.entry.selector.matches(properties)
            else:
                found = match(spec)
            if found:
                return spec
        return None


SEAM = seam.Seam(
    module='nova.pci.whitelist',
    name='Whitelist',
    replacement=Whitelist,
    signatures={
        '__init__': ('self', 'whitelist_spec'),
        'device_assignable': ('self', 'dev'),
        'get_devspec': ('self', 'pci_dev'),
    },
)
