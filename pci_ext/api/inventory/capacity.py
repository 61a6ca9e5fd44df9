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

"""Total, available and allocated devices.

Of a PCI flavor over the whole cloud and without locations, for all users that
see the PCI flavor; of the pools of a host for administrators.
"""

from collections import Counter
from collections import defaultdict
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping

from nova import context as nova_context
from nova.objects import fields
from oslo_log import log as logging

from pci_ext.api.inventory import flavor_matches
from pci_ext.api.inventory import model
from pci_ext.api.inventory import reader
from pci_ext.matching import compiled_requests
from pci_ext.objects import pci_flavor

LOG = logging.getLogger(__name__)

#: Counts by name; ``partial`` only while a cell does not answer.
Capacity = dict[str, int | bool]

_GONE = frozenset(
    (fields.PciDeviceStatus.REMOVED, fields.PciDeviceStatus.DELETED)
)


def count_flavors(
    context: nova_context.RequestContext,
    flavors: Collection[pci_flavor.PciFlavor],
) -> dict[str, Capacity]:
    """Count the devices that match each of some PCI flavors.

    :returns: by name. Devices that are neither available nor allocated
        cannot be claimed now: such as virtual functions of a physical one
        in use, or the other way round.
    """
    found, groups = reader.read_pools_and_groups(context)
    matching = flavor_matches.Matches(flavors)
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for group in groups:
        for name in matching.names(group.pool):
            _add(counted[name], group)
    if found.cells_down:
        LOG.warning(
            'The PCI devices of cells %s are not counted: they do not answer.',
            ', '.join(found.cells_down),
        )
    return {
        flavor.name: {
            **_to_counts(counted[flavor.name]),
            **({'partial': True} if found.cells_down else {}),
        }
        for flavor in flavors
    }


def count_pools(
    pools: Iterable[model.Pool], groups: Iterable[model.DeviceGroup]
) -> dict[str, Capacity]:
    """Count the devices of each of some pools.

    :param groups: devices of the hosts of the pools
    :returns: by the uuid of the pool
    """
    counted: dict[_Key, Counter[str]] = defaultdict(Counter)
    for group in groups:
        _add(counted[_key(group.host, group.pool)], group)
    return {
        pool.uuid: _to_counts(counted[_key(pool.host, pool.properties)])
        for pool in pools
    }


def count_matching(
    requests: compiled_requests.CompiledRequests,
    groups: Iterable[model.DeviceGroup],
) -> list[int]:
    """Count for each request the devices that match it, free or not."""
    totals = [0] * len(requests.requests)
    for group in groups:
        if group.status in _GONE:
            continue
        for index, cost in enumerate(requests.pool_costs(group.pool)):
            if cost is not None:
                totals[index] += group.number
    return totals


#: The name of a host, and the properties of a pool.
_Key = tuple[str, frozenset[tuple[str, str]]]


def _key(host: str, properties: Mapping[str, str]) -> _Key:
    return host, frozenset(properties.items())


def _add(counted: Counter[str], group: model.DeviceGroup) -> None:
    if group.status in _GONE:
        return
    counted['total'] += group.number
    if group.status == fields.PciDeviceStatus.AVAILABLE:
        counted['available'] += group.number
    elif group.status in model.IN_USE:
        counted['allocated'] += group.number


def _to_counts(counted: Counter[str]) -> Capacity:
    return {key: counted[key] for key in ('total', 'available', 'allocated')}
