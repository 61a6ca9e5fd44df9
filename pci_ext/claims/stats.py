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

"""Seam: the pools of a host and the claims on them."""

import collections
from collections.abc import Sequence
import itertools
from typing import Any

from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext import exception
from pci_ext.activation import seam
from pci_ext.claims import grouped_stats
from pci_ext.claims import numa_costs
from pci_ext.claims import pool_providers
from pci_ext.claims import sriov
from pci_ext.matching import assignment
from pci_ext.matching import compiled_requests
from pci_ext.matching import grouping
from pci_ext.requests import call_arguments
from pci_ext.requests import compiler
from pci_ext.requests import instance_requests

LOG = logging.getLogger(__name__)


def _remove_pool(pools: list[dict[str, Any]], pool: dict[str, Any]) -> None:
    pools[:] = [other for other in pools if other is not pool]


def _list_free_aliases(
    requests: compiler.Requests, chosen: list[list[str]]
) -> list[int]:
    """List the requests by alias without a known choice of Placement."""
    return [
        place
        for place, request in enumerate(requests)
        if not chosen[place]
        and not instance_requests.is_for_port(request)
        and not compiled_requests.is_by_pci_flavor(request.spec)
    ]


class PciDeviceStats(grouped_stats.GroupedPciDeviceStats):
    """Nova's pools, grouped by PCI flavor attributes, assigned exactly."""

    def support_requests(
        self,
        requests: compiler.Requests,
        provider_mapping: dict[str, list[str]] | None,
        numa_cells: 'list[objects.InstanceNUMACell] | None' = None,
    ) -> bool:
        if not compiler.any_by_pci_flavor(requests):
            return bool(
                super().support_requests(
                    requests, provider_mapping, numa_cells
                )
            )
        pools = [part for _, part in sriov.split_pools(self.shared_pools)]
        chosen = self._chosen(requests, provider_mapping)
        try:
            found = self._assign(pools, requests, numa_cells, chosen)
        except nova_exception.PciDeviceRequestFailed:
            return False
        return found is not None

    def apply_requests(
        self,
        requests: compiler.Requests,
        provider_mapping: dict[str, list[str]] | None,
        numa_cells: 'list[objects.InstanceNUMACell] | None' = None,
    ) -> None:
        if not compiler.any_by_pci_flavor(requests):
            super().apply_requests(requests, provider_mapping, numa_cells)
            return
        pools = list(self.pools)
        chosen = self._chosen(requests, provider_mapping)
        taken = self._assign(pools, requests, numa_cells, chosen)
        if taken is None:
            raise nova_exception.PciDeviceRequestFailed(requests=requests)
        for _, index, count in taken:
            self._decrease_pool_count(self.pools, pools[index], count)
        used = {index for _, index, _ in taken}
        for pair in grouping.exclusions(pools):
            if not used.isdisjoint(pair):
                for index in set(pair) - used:
                    _remove_pool(self.pools, pools[index])

    def consume_requests(
        self,
        pci_requests: compiler.Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None' = None,
    ) -> 'list[objects.PciDevice] | None':
        requests = list(pci_requests)
        chosen = self._chosen(requests, None)
        claim = call_arguments.current().placement_claim
        chooses_for_aliases = (
            claim is not None
            and _list_free_aliases(requests, chosen)
            and claim.chooses_for_aliases()
        )
        if not (chooses_for_aliases or compiler.any_by_pci_flavor(requests)):
            devices: list[objects.PciDevice] | None = super().consume_requests(
                requests, numa_cells
            )
            return devices
        parts = sriov.split_pools(self.pools)
        pools = [part for _, part in parts]
        if claim is None:
            taken = self._assign(pools, requests, numa_cells, chosen)
        else:
            # Copies, as the counts of what Placement has not free are lowered.
            taken = self._assign_and_allocate(
                [dict(part) for part in pools],
                requests,
                numa_cells,
                chosen,
                claim,
            )
        if taken is None:
            raise nova_exception.PciDeviceRequestFailed(requests=requests)
        devices = []
        for request, index, count in taken:
            pool, part = parts[index]
            sriov.move_last(pool, part, count)
            pool['count'] -= count
            devices += self._allocate_devs(
                pool, count, requests[request].request_id
            )
        return devices

    def _assign_and_allocate(
        self,
        pools: list[dict[str, Any]],
        requests: compiler.Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None',
        chosen: list[list[str]],
        claim: Any,
    ) -> tuple[tuple[int, int, int], ...] | None:
        """Assign requests to pools, and allocate the devices in Placement.

        Placement may have given devices to servers that have not claimed them
        yet. If it refuses devices for no such reason, they are assigned
        nevertheless: the records of the host decide.

        :param chosen: as for :meth:`_assign`; completed for a move
        :param claim: a PlacementClaim
        :returns: as :meth:`_assign`
        """
        self._complete(chosen, pools, requests, numa_cells, claim)
        own = claim.count_chosen() | collections.Counter(
            itertools.chain.from_iterable(chosen)
        )
        while True:
            taken = self._assign(pools, requests, numa_cells, chosen)
            if taken is None:
                return None
            wanted: collections.Counter[str] = collections.Counter()
            for request, index, count in taken:
                provider = pool_providers.provider_of(pools[index])
                if provider and not chosen[request]:
                    wanted[provider] += count
            free = claim.allocate(wanted)
            if free is None:
                return taken
            used = {index for _, index, _ in taken}
            by_use = sorted(
                range(len(pools)), key=lambda index: index not in used
            )
            if not pool_providers.limit_counts(
                (pools[index] for index in by_use), free, own
            ):
                return taken

    def _complete(
        self,
        chosen: list[list[str]],
        pools: list[dict[str, Any]],
        requests: compiler.Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None',
        claim: Any,
    ) -> None:
        """Add the providers that Placement chose for a move.

        The requests of a server that moves are made anew, without their
        providers. Those by alias share the devices that are allocated.
        """
        places = _list_free_aliases(requests, chosen)
        by_alias = [requests[place] for place in places]
        left = claim.count_chosen() - collections.Counter(
            itertools.chain.from_iterable(chosen)
        )
        if left.total() != sum(request.count for request in by_alias):
            return
        allocated = [
            {
                **pool,
                'count': min(
                    pool['count'], left[pool_providers.provider_of(pool)]
                ),
            }
            for pool in pools
        ]
        free_choice: list[list[str]] = [[] for _ in places]
        for place, index, count in (
            self._assign(allocated, by_alias, numa_cells, free_choice) or ()
        ):
            provider = pool_providers.provider_of(pools[index])
            if provider:
                chosen[places[place]] += [provider] * count

    def _chosen(
        self,
        requests: compiler.Requests,
        provider_mapping: dict[str, list[str]] | None,
    ) -> list[list[str]]:
        """List the resource providers that Placement chose for each request.

        One for each device of an alias, with ``[filter_scheduler]
        pci_in_placement``; otherwise none.
        """
        return [
            []
            if compiled_requests.is_by_pci_flavor(request.spec)
            # A detach that is pending has lowered the count here only.
            else self._get_rp_uuids_for_request(provider_mapping, request)[
                : request.count
            ]
            for request in requests
        ]

    def _assign(
        self,
        pools: list[dict[str, Any]],
        requests: compiler.Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None',
        chosen: list[list[str]],
    ) -> tuple[tuple[int, int, int], ...] | None:
        """Assign the requests of a server to pools.

        Of pools that cost the same, those come first whose devices exclude no
        others. The scheduler keeps the pool of each card, the host does not
        once its PF is taken: so both take devices of the same pools.

        :param chosen: the resource providers whose devices Placement chose for
            each request, none for a free choice
        :returns: triples of request, pool (by index) and number of devices
        :raises nova.exception.PciDeviceRequestFailed: from AssignmentGivenUp,
            if the search is given up
        """
        excluding = {
            index for pair in grouping.exclusions(pools) for index in pair
        }
        if not excluding:
            return self._assign_ordered(
                pools, requests, numa_cells, chosen, ()
            )
        order = sorted(range(len(pools)), key=excluding.__contains__)
        ordered = [pools[index] for index in order]
        exclusions = grouping.exclusions(ordered)
        taken = self._assign_ordered(
            ordered, requests, numa_cells, chosen, exclusions
        )
        return taken and tuple(
            (request, order[index], count) for request, index, count in taken
        )

    def _assign_ordered(
        self,
        pools: list[dict[str, Any]],
        requests: compiler.Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None',
        chosen: list[list[str]],
        exclusions: tuple[tuple[int, int], ...],
    ) -> tuple[tuple[int, int, int], ...] | None:
        parts: list[assignment.Request] = []
        places: list[int] = []
        costs = self._costs(pools, requests, numa_cells)
        for place, request in enumerate(requests):
            for part in pool_providers.divide(
                request, costs[place], pools, chosen[place]
            ):
                parts.append(part)
                places.append(place)
        try:
            found = assignment.assign(
                [pool['count'] for pool in pools], parts, exclusions
            )
        except exception.AssignmentGivenUp as error:
            LOG.warning(error.format_message())
            # Nova expects no other error.
            raise nova_exception.PciDeviceRequestFailed(
                requests=requests
            ) from error
        if found is None:
            return None
        return tuple(
            [
                (places[part], index, count)
                for part, index, count in found.taken
            ]
        )

    def _costs(
        self,
        pools: list[dict[str, Any]],
        requests: compiler.Requests,
        numa_cells: 'list[objects.InstanceNUMACell] | None',
    ) -> list[tuple[int | None, ...]]:
        """Compute the costs of the pools for each request.

        A step down the alternatives outweighs the NUMA costs of all devices
        together.
        """
        by_flavor = compiler.list_by_pci_flavor(requests)
        # All together: the cache of compiled requests holds few servers.
        compiled = compiler.compile_requests(by_flavor)
        steps_by_flavor = compiled.request_costs(pools)
        if not numa_cells and len(by_flavor) == len(requests):
            return steps_by_flavor
        found = []
        steps_left = iter(steps_by_flavor)
        step = numa_costs.MAX_COST * sum(item.count for item in requests) + 1
        for request in requests:
            node_cost = numa_costs.node_costs(
                request, numa_cells, self.numa_topology
            )
            if compiled_requests.is_by_pci_flavor(request.spec):
                steps: Sequence[int | None] = next(steps_left)
            else:
                steps = self._costs_in_nova(pools, request)
            costs: list[int | None] = []
            for pool, cost in zip(pools, steps, strict=True):
                extra = node_cost(pool['numa_node'])
                costs.append(
                    None
                    if cost is None or extra is None
                    else cost * step + extra
                )
            found.append(tuple(costs))
        return found

    def _costs_in_nova(
        self,
        pools: list[dict[str, Any]],
        request: 'objects.InstancePCIRequest',
    ) -> list[int | None]:
        """Return 0 for the pools that Nova allows, by alias or for a port."""
        allowed = self._filter_pools_for_spec(pools, request)
        for filter_pools in (
            self._filter_pools_for_unrequested_pfs,
            self._filter_pools_for_unrequested_vdpa_devices,
            self._filter_pools_for_unrequested_remote_managed_devices,
            self._filter_pools_for_live_migratable_devices,
        ):
            allowed = filter_pools(allowed, request)
        ids = {id(pool) for pool in allowed}
        return [0 if id(pool) in ids else None for pool in pools]

    def _filter_pools_for_spec(
        self,
        pools: list[dict[str, Any]],
        request: 'objects.InstancePCIRequest',
    ) -> list[dict[str, Any]]:
        """Leave devices with a special attribute to PCI flavors naming it."""
        return [
            pool
            for pool in super()._filter_pools_for_spec(pools, request)
            if not pool.get(grouping.SPECIAL_ATTRS)
        ]


SEAM = seam.Seam(
    module='nova.pci.stats',
    name='PciDeviceStats',
    replacement=PciDeviceStats,
    signatures={
        '__init__': ('self', 'numa_topology', 'stats', 'dev_filter'),
        '_create_pool_keys_from_dev': ('self', 'dev'),
        '_ensure_remote_managed_tag': ('dev', 'pool'),
        'add_device': ('self', 'dev'),
        'remove_device': ('self', 'dev'),
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
        '_find_pool': ('self', 'dev_pool'),
        '_handle_device_dependents': ('self', 'pci_dev'),
        '_allocate_devs': ('self', 'pool', 'num', 'request_id'),
        '_decrease_pool_count': ('pool_list', 'pool', 'count'),
        '_get_rp_uuids_for_request': ('self', 'provider_mapping', 'request'),
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
