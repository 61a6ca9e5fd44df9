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

"""Seam: the pools of a host, their grouping and the claims on them."""

import functools
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.objects import fields
from nova.pci import stats
from oslo_config import cfg

from pci_ext.integration import device_specs
from pci_ext.integration import numa
from pci_ext.integration import shape
from pci_ext.matching import assignment
from pci_ext.matching import pools as grouping
from pci_ext.matching import requirements

CONF = cfg.CONF

Requests = Sequence['objects.InstancePCIRequest']

_PF = fields.PciDeviceType.SRIOV_PF
_VFS = (fields.PciDeviceType.SRIOV_VF, fields.PciDeviceType.VDPA)


def asks_for_pci_flavors(requests: Requests) -> bool:
    """Tell whether a server has requests by PCI flavor or by name."""
    return any(
        requirements.is_requirement(request.spec) for request in requests
    )


@functools.lru_cache(maxsize=16)
def _compile(
    key: tuple[tuple[int, tuple[tuple[tuple[str, str], ...], ...]], ...],
) -> requirements.Requirements:
    return requirements.Requirements(
        [
            requirements.requirement(count, [dict(item) for item in spec])
            for count, spec in key
        ]
    )


def compile_requests(requests: Requests) -> requirements.Requirements:
    """Compile requests by PCI flavor or by name; the same only once."""
    return _compile(
        tuple(
            (
                request.count,
                tuple(tuple(sorted(item.items())) for item in request.spec),
            )
            for request in requests
        )
    )


class PciDeviceStats(stats.PciDeviceStats):
    """Nova's pools, grouped by PCI flavor attributes, assigned exactly."""

    def _create_pool_keys_from_dev(
        self, dev: 'objects.PciDevice'
    ) -> dict[str, Any] | None:
        spec = self.dev_filter.get_devspec(dev)
        if not isinstance(spec, device_specs.OfferedDeviceSpec):
            return super()._create_pool_keys_from_dev(dev)
        attributes = spec.entry.attributes
        special = sorted(set(CONF.pci_ext.special_attrs) & set(attributes))
        pool: dict[str, Any] = {
            # Nova's record of a pool must have these two.
            'vendor_id': '',
            'product_id': '',
            **grouping.pool_properties(
                device_specs.properties_of(dev),
                attributes,
                [*CONF.pci_ext.pci_flavor_attrs, *special],
            ),
            'dev_type': dev.dev_type,
            'numa_node': dev.numa_node,
        }
        if special:
            pool[requirements.SPECIAL_ATTRS] = ','.join(special)
        if CONF.pci.report_in_placement:
            # There a pool is one resource provider, which is one card.
            pool['address'] = dev.parent_addr or dev.address
        self._ensure_remote_managed_tag(dev, pool)
        return pool

    def update_device(self, dev: 'objects.PciDevice') -> None:
        """Put a device into the pool it belongs to now.

        Nova does so for a change of the device type only; the selectors of
        pci_ext may rest on any other property that the hypervisor reports,
        which a record that Nova made earlier may lack.
        """
        super().update_device(dev)
        if dev.status != fields.PciDeviceStatus.AVAILABLE:
            return
        for pool in self.pools:
            if any(device is dev for device in pool['devices']):
                return
        self.add_device(dev)

    def support_requests(
        self,
        requests: Requests,
        provider_mapping: dict[str, list[str]] | None,
        numa_cells: 'list[objects.InstanceNUMACell] | None' = None,
    ) -> bool:
        if not asks_for_pci_flavors(requests):
            return bool(
                super().support_requests(
                    requests, provider_mapping, numa_cells
                )
            )
        return self._assign(self.pools, requests, numa_cells) is not None

    def apply_requests(
        self,
        requests: Requests,
        provider_mapping: dict[str, list[str]] | None,
        numa_cells: 'list[objects.InstanceNUMACell] | None' = None,
    ) -> None:
        if not asks_for_pci_flavors(requests):
            super().apply_requests(requests, provider_mapping, numa_cells)
            return
        pools = list(self.pools)
        taken = self._assign(pools, requests, numa_cells)
        if taken is None:
            raise nova_exception.PciDeviceRequestFailed(requests=requests)
        for _, index, count in taken:
            self._decrease_pool_count(self.pools, pools[index], count)

    def consume_requests(
        self,
        pci_requests: Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None' = None,
    ) -> 'list[objects.PciDevice] | None':
        requests = list(pci_requests)
        if not asks_for_pci_flavors(requests):
            devices: list[objects.PciDevice] | None = (
                super().consume_requests(requests, numa_cells)
            )
            return devices
        pools = list(self.pools)
        taken = self._assign(pools, requests, numa_cells)
        if taken is None:
            raise nova_exception.PciDeviceRequestFailed(requests=requests)
        devices = []
        for request, index, count in taken:
            pools[index]['count'] -= count
            devices += self._allocate_devs(
                pools[index], count, requests[request].request_id
            )
        return devices

    def _assign(
        self,
        pools: list[dict[str, Any]],
        requests: Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None',
    ) -> tuple[tuple[int, int, int], ...] | None:
        """Find the devices for all requests of a server.

        :returns: triples of request, pool (by index) and number of devices
        """
        found = assignment.assign(
            tuple(pool['count'] for pool in pools),
            tuple(
                assignment.Demand(request.count, costs)
                for request, costs in zip(
                    requests,
                    self._costs(pools, requests, numa_cells),
                    strict=True,
                )
            ),
        )
        return None if found is None else found.taken

    def _costs(
        self,
        pools: list[dict[str, Any]],
        requests: Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None',
    ) -> Iterator[tuple[int | None, ...]]:
        """Price the pools for each request.

        A step down the alternatives outweighs what NUMA affinity can cost
        for all devices together.
        """
        step = numa.MAX_PRICE * sum(item.count for item in requests) + 1
        for request in requests:
            numa_price = numa.price_of(request, numa_cells, self.numa_topology)
            costs: list[int | None] = []
            for pool, price in zip(
                pools, self._prices(pools, request), strict=True
            ):
                extra = numa_price(pool['numa_node'])
                costs.append(
                    None
                    if price is None or extra is None
                    else price * step + extra
                )
            yield tuple(costs)

    def _prices(
        self,
        pools: list[dict[str, Any]],
        request: 'objects.InstancePCIRequest',
    ) -> list[int | None]:
        if requirements.is_requirement(request.spec):
            compiled = compile_requests([request])
            return [
                None if prices is None else prices[0]
                for prices in map(compiled.prices, pools)
            ]
        # By alias or for a port: what Nova itself would allow.
        allowed = self._filter_pools_for_spec(pools, request)
        for narrow in (
            self._filter_pools_for_unrequested_pfs,
            self._filter_pools_for_unrequested_vdpa_devices,
            self._filter_pools_for_unrequested_remote_managed_devices,
            self._filter_pools_for_live_migratable_devices,
        ):
            allowed = narrow(allowed, request)
        ids = {id(pool) for pool in allowed}
        return [0 if id(pool) in ids else None for pool in pools]

    def _filter_pools_for_spec(
        self,
        pools: list[dict[str, Any]],
        request: 'objects.InstancePCIRequest',
    ) -> list[dict[str, Any]]:
        """Keep devices with a special attribute for PCI flavors naming it."""
        return [
            pool
            for pool in super()._filter_pools_for_spec(pools, request)
            if requirements.SPECIAL_ATTRS not in pool
        ]


SEAM = shape.Seam(
    module='nova.pci.stats',
    name='PciDeviceStats',
    replacement=PciDeviceStats,
    signatures={
        '__init__': ('self', 'numa_topology', 'stats', 'dev_filter'),
        '_create_pool_keys_from_dev': ('self', 'dev'),
        '_ensure_remote_managed_tag': ('dev', 'pool'),
        'update_device': ('self', 'dev'),
        'add_device': ('self', 'dev'),
        'support_requests': (
            'self',
            'requests',
            'provider_mapping',
            'numa_cells',
        ),
        'apply_requests': (
            'self',
            'requests',
            'provider_mapping',
            'numa_cells',
        ),
        'consume_requests': ('self', 'pci_requests', 'numa_cells'),
        '_allocate_devs': ('self', 'pool', 'num', 'request_id'),
        '_decrease_pool_count': ('pool_list', 'pool', 'count'),
        '_filter_pools_for_spec': ('self', 'pools', 'request'),
        '_filter_pools_for_unrequested_pfs': ('self', 'pools', 'request'),
        '_filter_pools_for_unrequested_vdpa_devices': (
            'self',
            'pools',
            'request',
        ),
        '_filter_pools_for_unrequested_remote_managed_devices': (
            'self',
            'pools',
            'request',
        ),
        '_filter_pools_for_live_migratable_devices': (
            'self',
            'pools',
            'request',
        ),
    },
)
