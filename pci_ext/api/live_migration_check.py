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

"""The reason for which a server cannot be migrated live."""

from nova import objects

from pci_ext import server_state
from pci_ext.api import policy
from pci_ext.api.inventory import server_devices
from pci_ext.i18n import _
from pci_ext.policies import pci_devices as policies
from pci_ext.requests import live_migration_policy


def refusal_reason(
    instance: 'objects.Instance', devices: list[server_devices.ServerDevice]
) -> str | None:
    """Return the reason for which a server cannot be migrated live.

    :returns: None if nova-api knows of none
    """
    if server_state.pending_detach(
        instance, [each.device.row for each in devices]
    ):
        return _(
            'A PCI device of the server is being detached: its guest has not '
            'released it.'
        )
    forbidden = [
        each
        for each in devices
        if each.live_migration == live_migration_policy.FORBID
    ]
    if not forbidden:
        return None
    return _('PCI devices of the server forbid its live migration: %s.') % (
        ', '.join(_name(instance, each) for each in forbidden)
    )


def _name(
    instance: 'objects.Instance', each: server_devices.ServerDevice
) -> str:
    pci_flavor = each.pci_flavor or ' or '.join(each.alternatives)
    # Not all users may see the location of devices.
    if not policy.authorize(
        instance._context,
        policies.SERVER_LOCATION,
        target={'project_id': instance.project_id},
        fatal=False,
    ):
        return pci_flavor
    return _('%(address)s (PCI flavor %(pci_flavor)s)') % {
        'address': each.device.row.address,
        'pci_flavor': pci_flavor,
    }
