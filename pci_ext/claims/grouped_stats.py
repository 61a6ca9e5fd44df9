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

"""The pools of a host: their devices, and the report to the scheduler."""

import collections
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import functools
from typing import Any

from nova import objects
from nova.pci import stats
from nova.pci import whitelist
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils

from pci_ext.claims import offered_devices
from pci_ext.claims import recorded_pools
from pci_ext.claims import sriov
from pci_ext.matching import grouping

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# Bytes of the column compute_nodes.pci_stats, TEXT, in MySQL.
_COLUMN_SIZE = 65535

# Fewer pools fit, and a report is made at each claim.
_POOLS_TO_MEASURE = 64


def _pool_of(reported: 'objects.PciDevicePool') -> dict[str, Any]:
    return {
        'product_id': reported.product_id,
        'vendor_id': reported.vendor_id,
        'numa_node': reported.numa_node,
        'count': reported.count,
        **reported.tags,
    }


@functools.lru_cache(maxsize=1)
def _no_device_specs() -> whitelist.Whitelist:
    return whitelist.Whitelist()


class GroupedPciDeviceStats(stats.PciDeviceStats):
    """Nova's pools, grouped by PCI flavor attributes."""

    #: The pools on record, as long as they are the pools of the host.
    _recorded: grouping.RecordedPools | None = None

    #: Keys of a pool that are no properties of its devices.
    _not_compared = frozenset(
        ('count', 'devices', *stats.PciDeviceStats.ignored_pool_tags)
    )

    def __init__(
        self,
        numa_topology: 'objects.NUMATopology',
        stats: 'objects.PciDevicePoolList | None' = None,
        dev_filter: whitelist.Whitelist | None = None,
    ) -> None:
        """Use the pools that a host reported, if there are any.

        The scheduler constructs this for every host on every request. Nova
        serializes each pool, which takes most of the time of a request, and
        sorts them: the scheduler would not take from them in the order in
        which the host does.
        """
        recorded = recorded_pools.pools_of(stats)
        if recorded is None:
            super().__init__(numa_topology, None, dev_filter)
            self.pools = list(map(_pool_of, stats or ()))
        else:
            # The scheduler sees no devices.
            super().__init__(
                numa_topology, None, dev_filter or _no_device_specs()
            )
            self._recorded = recorded

    @property
    def pools(self) -> list[dict[str, Any]]:
        """The pools; those on record are copied, as they may be changed."""
        if self._recorded is not None:
            self.pools = [dict(pool) for pool in self._recorded]
        return self._pools

    @pools.setter
    def pools(self, pools: list[dict[str, Any]]) -> None:
        self._recorded = None
        self._pools = pools

    @property
    def shared_pools(self) -> Sequence[dict[str, Any]]:
        """The pools, not to be changed: those on record are not copied."""
        return self._pools if self._recorded is None else self._recorded

    def _create_pool_keys_from_dev(
        self, dev: 'objects.PciDevice'
    ) -> dict[str, Any] | None:
        pool: dict[str, Any] | None
        spec = self.dev_filter.get_devspec(dev)
        if not isinstance(spec, offered_devices.OfferedDeviceSpec):
            pool = super()._create_pool_keys_from_dev(dev)
            return pool and {**pool, grouping.SPECIAL_ATTRS: ''}
        attributes = spec.entry.attributes
        special = sorted(set(CONF.pci_ext.special_attrs) & set(attributes))
        pool = {
            # Nova's object PciDevicePool requires these two.
            'vendor_id': '',
            'product_id': '',
            **grouping.pool_properties(
                offered_devices.properties_of(dev),
                attributes,
                [*CONF.pci_ext.pci_flavor_attrs, *special],
            ),
            'dev_type': dev.dev_type,
            'numa_node': dev.numa_node,
            grouping.SPECIAL_ATTRS: ','.join(special),
        }
        if CONF.pci.report_in_placement:
            # In Placement a pool is one resource provider, which is one card.
            pool['address'] = dev.parent_addr or dev.address
        # As Nova: a port with a guaranteed bandwidth needs a device of the PF
        # that Placement chose.
        if dev.extra_info.get('parent_ifname'):
            pool['parent_ifname'] = dev.extra_info['parent_ifname']
        self._ensure_remote_managed_tag(dev, pool)
        return pool

    def _find_pool(self, dev_pool: dict[str, Any]) -> dict[str, Any] | None:
        """Find the pool with these properties.

        Nova copies each pool to compare it, for each device of a host.
        """
        properties = dev_pool.items()
        for pool in self.pools:
            # Most pools differ, and show it by one of the first properties.
            if properties <= pool.items() and len(dev_pool) == len(
                pool.keys() - self._not_compared
            ):
                return pool
        return None

    def update_devices(
        self,
        updated: 'Iterable[objects.PciDevice]',
        removed: 'Iterable[objects.PciDevice]',
    ) -> None:
        """Put devices into the pools that they belong to now.

        Nova looks for each in all pools, and moves it only if the device type
        changes. The selectors of pci_ext may match any property that the
        hypervisor reports, which an earlier record of Nova's may lack.

        :param updated: records that a scan updated or created
        :param removed: records that it removed
        """
        pools = {
            id(dev): pool for pool in self.pools for dev in pool['devices']
        }
        moved = [
            dev for dev in updated if not self._is_in(pools.get(id(dev)), dev)
        ]
        self._take_out([*moved, *removed])
        for dev in moved:
            if dev.is_available():
                self.add_device(dev)

    def _is_in(
        self, pool: dict[str, Any] | None, dev: 'objects.PciDevice'
    ) -> bool:
        """Return whether a device is in its pool, after an update."""
        offered_devices.drop_attributes(dev, self.dev_filter.get_devspec(dev))
        if pool is None or not dev.is_available():
            return False
        keys = self._create_pool_keys_from_dev(dev)
        return keys is not None and self._find_pool(keys) is pool

    def remove_device(self, dev: 'objects.PciDevice') -> None:
        """Remove a device from its pool.

        Nova looks for the pool that the device belongs to now. That is another
        pool or none if the entry for the device has changed.
        """
        if any(free is dev for free in self.get_free_devs()):
            self._take_out([dev])
        else:
            super().remove_device(dev)

    def _take_out(self, devices: 'Collection[objects.PciDevice]') -> None:
        ids = {id(dev) for dev in devices}
        for pool in list(self.pools):
            kept = [dev for dev in pool['devices'] if id(dev) not in ids]
            taken = len(pool['devices']) - len(kept)
            if taken:
                pool['devices'] = kept
                self._decrease_pool_count(self.pools, pool, taken)

    def _handle_device_dependents(self, pci_dev: 'objects.PciDevice') -> None:
        """Remove the physical function of a virtual one from its pool.

        Nova would compare it with every free device of the host.
        """
        if pci_dev.dev_type not in sriov.VFS:
            super()._handle_device_dependents(pci_dev)
            return
        parent = pci_dev.parent_device
        keys = parent and self._create_pool_keys_from_dev(parent)
        pool = keys and self._find_pool(keys)
        if pool and any(device is parent for device in pool['devices']):
            self.remove_device(parent)

    def to_device_pools_obj(self) -> 'objects.PciDevicePoolList':
        """Return the pools for the report; log if they are too many.

        A quarter of their record would be the names of fields that are set,
        which are all: without them a third more pools can be saved.
        """
        reported = super().to_device_pools_obj()
        for pool in reported:
            pool.obj_reset_changes()
        if len(reported) >= _POOLS_TO_MEASURE:
            size = len(jsonutils.dumps(reported.obj_to_primitive()))
            if size > _COLUMN_SIZE:
                LOG.error(
                    'The %(pools)d pools of PCI devices take %(size)d bytes, '
                    'and MySQL stores %(limit)d: the compute node cannot be '
                    'saved there. Attribute %(attribute)s has the most '
                    'values; see [pci_ext] pci_flavor_attrs.',
                    {
                        'pools': len(reported),
                        'size': size,
                        'limit': _COLUMN_SIZE,
                        'attribute': self._most_divided_by(),
                    },
                )
        return reported

    def _most_divided_by(self) -> str:
        values = collections.defaultdict(set)
        for pool in self:
            for key in pool.keys() - {'count'}:
                values[key].add(pool[key])
        return max(values, key=lambda key: (len(values[key]), key))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the pools that are reported to the scheduler.

        If a host offers both physical and virtual functions, the pools are
        split by card, because the scheduler must know the card of each.
        """
        for _pool, part in sriov.split_pools(self.pools):
            yield {
                key: value for key, value in part.items() if key != 'devices'
            }
