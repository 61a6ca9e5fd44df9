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

from nova import exception as nova_exception
import nova.conf
from oslo_upgradecheck import upgradecheck

from pci_ext import exception
from pci_ext.claims import offered_devices
from pci_ext.claims import unmatched_entries
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
        problems = unmatched_entries.explain(host_devices.devices())
    except exception.UnsupportedConfiguration as error:
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE, error.format_message()
        )
    except (exception.PciExtException, nova_exception.NovaException) as error:
        return upgradecheck.Result(
            upgradecheck.Code.WARNING,
            _(
                'Whether devices match [pci_ext] pci_information cannot be '
                'told: %s'
            )
            % error.format_message(),
        )
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
