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
"""Hosts of a cloud: their pools, and their state in the scheduler.

A host has ten pools, eight of GPUs and two of virtual functions, and two NUMA
nodes.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from nova import objects
from nova.objects import pci_device_pool
from nova.pci import manager
from nova.pci import stats as nova_stats
from nova.pci import whitelist
from nova.scheduler import host_manager

GPU = {'vendor_id': '10de', 'product_id': '1db4'}
VF = {'vendor_id': '8086', 'product_id': '10ed'}

#: Kinds of hosts in a cloud; None if all hosts differ, in the ids of seven
#: pools and in the counts.
KINDS = {'alike': 1, '20 kinds': 20, 'all different': None}

#: Those of Nova, as they were before activation.
NovaStats = nova_stats.PciDeviceStats
NovaTracker = manager.PciDevTracker
NovaWhitelist = whitelist.Whitelist
nova_pools = pci_device_pool.from_pci_stats


def pools_of_host(
    kind: int, unlike: bool, pools: int = 10
) -> list[dict[str, Any]]:
    """Return the pools of a host of the kind with this number."""
    result = []
    for index in range(pools - 2):
        # Two GPUs match; the other models exist on this host only.
        model = GPU['product_id']
        if unlike and index >= 2:
            model = f'{(kind * 8 + index) & 0xFFFFF:05x}'
        result.append(
            {
                **GPU,
                'product_id': model,
                'numa_node': index % 2,
                'count': 1,
                'dev_type': 'type-PCI',
                'address': f'0000:{index + 1:02x}:00.0',
                'e.generation': f'g{kind}',
                'special_attrs': '',
            }
        )
    for index in range(2):
        result.append(
            {
                **VF,
                'product_id': (
                    f'{kind & 0xFFFFF:05x}'
                    if unlike and index
                    else VF['product_id']
                ),
                'numa_node': index,
                'count': 2 + kind % 60,
                'dev_type': 'type-VF',
                'address': f'0000:8{index}:00.0',
                'remote_managed': 'false',
                'physical_network': f'physnet{index}',
                'e.generation': f'g{kind}',
                'special_attrs': '',
            }
        )
    return result


def record_of(pools: list[dict[str, Any]]) -> str:
    """Return the pools as they are in the table of compute nodes."""
    return json.dumps(
        objects.PciDevicePoolList(
            objects=[objects.PciDevicePool.from_dict(each) for each in pools]
        ).obj_to_primitive()
    )


def topology() -> objects.NUMATopology:
    """Return two NUMA nodes, as a libvirt host reports them."""
    return objects.NUMATopology(
        cells=[
            objects.NUMACell(
                id=cell,
                cpuset=set(range(cell * 32, cell * 32 + 32)),
                pcpuset=set(range(cell * 32, cell * 32 + 32)),
                memory=262_144,
                cpu_usage=0,
                memory_usage=0,
                pinned_cpus=set(),
                siblings=[],
                mempages=[
                    objects.NUMAPagesTopology(size_kb=size, total=0, used=0)
                    for size in (4, 2_048, 1_048_576)
                ],
                network_metadata=objects.NetworkMetadata(
                    physnets=set(), tunneled=False
                ),
                socket=cell,
            )
            for cell in range(2)
        ]
    )


@functools.lru_cache(1)
def records_of_cloud(number: int, cloud: str, pools: int) -> list[str]:
    """Return the pools of each host, as they are in the table."""
    kinds = KINDS[cloud]
    return [
        record_of(
            pools_of_host(
                index if kinds is None else index % kinds, kinds is None, pools
            )
        )
        for index in range(number)
    ]


def states_of(records: list[str], ours: bool) -> list[host_manager.HostState]:
    """Build the hosts as the scheduler has them before it filters."""
    read = pci_device_pool.from_pci_stats if ours else nova_pools
    stats = nova_stats.PciDeviceStats if ours else NovaStats
    states = []
    for index, record in enumerate(records):
        state = host_manager.HostState(f'host{index}', f'host{index}', None)
        state.numa_topology = topology()
        state.pci_stats = stats(state.numa_topology, read(record))
        state.allocation_candidates = [{'mappings': {}}]
        states.append(state)
    return states
