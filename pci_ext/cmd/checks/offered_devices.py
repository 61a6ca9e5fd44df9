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

"""Upgrade check of the devices that a compute host offers."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from nova import exception as nova_exception
import nova.conf
from nova.pci import devspec
from nova.pci import whitelist
from oslo_upgradecheck import upgradecheck

from pci_ext import exception
from pci_ext.claims import offered_devices
from pci_ext.i18n import _
from pci_ext.virt import host_devices

CONF = nova.conf.CONF


def entries_match() -> upgradecheck.Result:
    """Check that each entry of this host has devices.

    The hypervisor is asked, as nova-compute would ask it: a compute host has
    no database, and what Nova has recorded is from the entries before.
    """
    try:
        specs = offered_devices.list_offered()
    except exception.InvalidPciInformation as error:
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            _('%s The services do not start with it.')
            % error.format_message(),
        )
    if not specs:
        return upgradecheck.Result(
            upgradecheck.Code.SUCCESS,
            _('This configuration offers no PCI devices.'),
        )
    try:
        entries = _all_entries(specs)
        devices = host_devices.devices()
    except (exception.PciExtException, nova_exception.NovaException) as error:
        return upgradecheck.Result(
            upgradecheck.Code.WARNING,
            _(
                'Whether devices match [pci_ext] pci_information cannot be '
                'told: %s'
            )
            % error.format_message(),
        )
    problems = _unused(entries, devices)
    if problems:
        return upgradecheck.Result(
            upgradecheck.Code.WARNING,
            _(
                '%s Correct the entries in the section [pci_ext], or remove '
                'them.'
            )
            % ' '.join(problems),
        )
    return upgradecheck.Result(upgradecheck.Code.SUCCESS)


def _all_entries(
    specs: Sequence[offered_devices.OfferedDeviceSpec],
) -> list[tuple[str, devspec.PciDeviceSpec]]:
    """List the entries in the order they are tried, with their texts."""
    parse = whitelist.Whitelist._parse_white_list_from_config
    texts = [*CONF.pci_ext.pci_devices, *CONF.pci_ext.pci_information]
    return [
        *zip(texts, specs, strict=True),
        *(
            (f'{text} of [pci] device_spec', spec)
            for text in CONF.pci.device_spec
            for spec in parse([text])
        ),
    ]


def _unused(
    entries: Iterable[tuple[str, devspec.PciDeviceSpec]],
    devices: Sequence[dict[str, Any]],
) -> list[str]:
    """Explain each entry that no device belongs to."""
    problems = []
    recordable = [
        device
        for device in devices
        if offered_devices.too_long_address(device) is None
    ]
    left = list(recordable)
    for text, spec in entries:
        matched = [device for device in left if spec.match(device)]
        # A device belongs to the first entry that matches it.
        left = [device for device in left if device not in matched]
        if matched:
            continue
        if any(spec.match(device) for device in recordable):
            reason = _(
                'All devices that the entry %s matches belong to entries '
                'before it.'
            )
        elif any(spec.match(device) for device in devices):
            reason = _(
                'All devices that the entry %s matches have a PCI domain of '
                'more than 16 bits, which Nova cannot record.'
            )
        else:
            reason = _('The entry %s matches no device of this host.')
        problems.append(reason % text)
    return problems
