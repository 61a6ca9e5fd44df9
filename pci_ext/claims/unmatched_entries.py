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

"""Entries of a host that no device belongs to.

Such an entry is a mistake, or for a device that is gone: it offers nothing,
and nothing fails.
"""

from collections.abc import Sequence
from typing import Any

from nova.pci import devspec
from nova.pci import whitelist
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext import exception
from pci_ext.claims import offered_devices
from pci_ext.i18n import _

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

Device = dict[str, Any]


def explain(devices: Sequence[Device]) -> list[str]:
    """Explain each entry that no device belongs to.

    :param devices: the hypervisor's reports of all devices of the host
    :raises InvalidPciInformation: naming the entry that does not parse
    :raises nova.exception.NovaException: for an invalid entry of Nova
    """
    problems = []
    left = [
        device
        for device in devices
        if offered_devices.too_long_address(device) is None
    ]
    for text, spec in _entries():
        # A device belongs to the first entry that matches it.
        remaining = [device for device in left if not spec.match(device)]
        if len(remaining) == len(left):
            problems.append(_describe(text, spec, devices))
        left = remaining
    return problems


def warn(devices: Sequence[Device]) -> None:
    """Log each entry that no device belongs to.

    :param devices: as for explain
    """
    try:
        problems = explain(devices)
    except exception.InvalidPciInformation:
        # The entries from before are used, and logged.
        return
    for problem in problems:
        LOG.warning('%s Correct the entry, or remove it.', problem)


def _entries() -> list[tuple[str, devspec.PciDeviceSpec]]:
    """List the entries in the order they are tried, with their texts."""
    parse = whitelist.Whitelist._parse_white_list_from_config
    texts = [*CONF.pci_ext.pci_devices, *CONF.pci_ext.pci_information]
    return [
        *zip(texts, offered_devices.list_offered(), strict=True),
        *(
            (f'{text} of [pci] device_spec', spec)
            for text in CONF.pci.device_spec
            for spec in parse([text])
        ),
    ]


def _describe(
    text: str, spec: devspec.PciDeviceSpec, devices: Sequence[Device]
) -> str:
    matched = [device for device in devices if spec.match(device)]
    if any(
        offered_devices.too_long_address(device) is None for device in matched
    ):
        return (
            _(
                'All devices that the entry %s matches belong to entries '
                'before it.'
            )
            % text
        )
    if matched:
        return (
            _(
                'All devices that the entry %s matches have a PCI domain of '
                'more than 16 bits, which Nova cannot record.'
            )
            % text
        )
    unknown = _unknown_keys(spec, devices)
    if unknown:
        return _(
            'The entry %(entry)s matches no device: none has a property '
            '%(keys)s.'
        ) % {'entry': text, 'keys': ', '.join(unknown)}
    return _('The entry %s matches no device of this host.') % text


def _unknown_keys(
    spec: devspec.PciDeviceSpec, devices: Sequence[Device]
) -> list[str]:
    """List the keys of an entry that no device has, if there are devices."""
    if not devices or not isinstance(spec, offered_devices.OfferedDeviceSpec):
        return []
    known = {key for device in devices for key in device}
    return sorted(spec.entry.selector.keys - known)
