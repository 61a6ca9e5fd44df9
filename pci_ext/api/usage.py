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

"""How many devices of a PCI flavor there are, and how many are in use.

Over the whole cloud and without saying where, as it is told to whoever sees
the PCI flavor.
"""

from collections import Counter
from collections.abc import Collection

from nova import context as nova_context
from nova.objects import fields
from oslo_log import log as logging

from pci_ext.api import inventory
from pci_ext.api import matches
from pci_ext.api import records
from pci_ext.objects import pci_flavor

LOG = logging.getLogger(__name__)

#: By kind of number, that of ``partial`` only where a cell does not answer.
Usage = dict[str, int | bool]

_GONE = frozenset(
    (fields.PciDeviceStatus.REMOVED, fields.PciDeviceStatus.DELETED)
)


def of_flavors(
    context: nova_context.RequestContext,
    flavors: Collection[pci_flavor.PciFlavor],
) -> dict[str, Usage]:
    """Count the devices that match each of some PCI flavors.

    :returns: by name. Those that are neither available nor allocated cannot
        be had for now: virtual functions of a physical one that is in use,
        say, or the other way round.
    """
    found = inventory.read_devices(context, records.Wanted())
    matching = matches.Matches(flavors)
    total: Counter[str] = Counter()
    available: Counter[str] = Counter()
    allocated: Counter[str] = Counter()
    for device in found.devices:
        status = device.row.status
        if status in _GONE:
            continue
        names = matching.names(device.pool)
        total.update(names)
        if status == fields.PciDeviceStatus.AVAILABLE:
            available.update(names)
        elif status in inventory.IN_USE:
            allocated.update(names)
    if found.cells_down:
        LOG.warning(
            'The PCI devices of cells %s are not counted: they do not answer.',
            ', '.join(found.cells_down),
        )
    return {
        flavor.name: {
            'total': total[flavor.name],
            'available': available[flavor.name],
            'allocated': allocated[flavor.name],
            **({'partial': True} if found.cells_down else {}),
        }
        for flavor in flavors
    }
