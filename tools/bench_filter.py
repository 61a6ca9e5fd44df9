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

"""Compare PciFlavorFilter with Nova's PciPassthroughFilter.

Both filters run in turns, in one process, on the same hosts and requests:
hosts of ten pools (eight GPUs, each a pool as Nova groups them, and two pools
of VFs), and a server that requests a GPU and a VF, by alias of Nova and by PCI
flavor.

Three clouds are measured: equal hosts; hosts of twenty kinds; and hosts that
all differ in the ids of seven pools and in the counts, so that no cached
result of one host serves another.

The memory is that of the filter after all hosts, per host. The last rows show
how the time grows with the pools of a host and with the requests of a server.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import gc
import json
import platform
import statistics
import sys
import time
import tracemalloc
from typing import Any

from nova import objects
from nova.pci import stats as nova_stats
from nova.scheduler import host_manager
from nova.scheduler.filters import pci_passthrough_filter
from oslo_utils import uuidutils

from pci_ext import conf
from pci_ext.activation import activator
from pci_ext.claims import stats
from pci_ext.requests import compiler
from pci_ext.scheduler.filters import pci_flavor_filter

SIZES = (100, 1_000, 10_000)
KINDS = {'alike': 1, '20 kinds': 20, 'all different': None}
GPU = {'vendor_id': '10de', 'product_id': '1db4'}
VF = {'vendor_id': '8086', 'product_id': '10ed'}

NovaStats = nova_stats.PciDeviceStats


def pools_of_host(kind: int, unlike: bool, pools: int) -> list[dict[str, Any]]:
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
            }
        )
    return result


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


def hosts_with(
    stats_class: type, number: int, kinds: int | None, pools: int
) -> list[host_manager.HostState]:
    """Build the hosts as the scheduler has them before it filters."""
    hosts = []
    for index in range(number):
        kind = index if kinds is None else index % kinds
        host = host_manager.HostState(f'host{index}', f'host{index}', None)
        host.numa_topology = topology()
        host.pci_stats = stats_class(
            host.numa_topology,
            objects.PciDevicePoolList(
                objects=[
                    objects.PciDevicePool.from_dict(pool)
                    for pool in pools_of_host(kind, kinds is None, pools)
                ]
            ),
        )
        host.allocation_candidates = [{'mappings': {}}]
        hosts.append(host)
    return hosts


def server(requests: int, by_pci_flavor: bool) -> objects.RequestSpec:
    """Return a request for devices, alternately a GPU and a VF."""
    return objects.RequestSpec(
        instance_uuid=uuidutils.generate_uuid(),
        scheduler_hints={},
        pci_requests=objects.InstancePCIRequests(
            requests=[
                objects.InstancePCIRequest(
                    count=1,
                    spec=[
                        {**selector, 'pci_flavor': name}
                        if by_pci_flavor
                        else dict(selector)
                    ],
                    alias_name=name,
                    request_id=uuidutils.generate_uuid(),
                )
                for index in range(requests)
                for name, selector in [(('gpu', GPU), ('vf', VF))[index % 2]]
            ]
        ),
    )


def seconds(run: Callable[[], Any]) -> float:
    gc.collect()
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def measure(
    number: int, cloud: str, pools: int, requests: int, rounds: int
) -> dict[str, Any]:
    """Filter the hosts of a cloud with both filters, in turns."""
    nova_filter = pci_passthrough_filter.PciPassthroughFilter()
    nova_hosts = hosts_with(NovaStats, number, KINDS[cloud], pools)
    nova_server = server(requests, by_pci_flavor=False)
    our_hosts = hosts_with(stats.PciDeviceStats, number, KINDS[cloud], pools)
    our_server = server(requests, by_pci_flavor=True)

    def ours() -> int:
        # Results of the previous round must not be reused.
        compiler._compile_key.cache_clear()
        our_filter = pci_flavor_filter.PciFlavorFilter()
        return len(list(our_filter.filter_all(our_hosts, our_server)))

    def novas() -> int:
        return len(list(nova_filter.filter_all(nova_hosts, nova_server)))

    if ours() != novas():
        raise SystemExit('the two filters do not pass the same hosts')
    times = [(seconds(novas), seconds(ours)) for _ in range(rounds)]
    nova_us = statistics.median(one for one, _ in times) / number * 1e6
    our_us = statistics.median(one for _, one in times) / number * 1e6

    compiler._compile_key.cache_clear()
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    our_filter = pci_flavor_filter.PciFlavorFilter()
    for _host in our_filter.filter_all(our_hosts, our_server):
        pass
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        'hosts': number,
        'cloud': cloud,
        'pools': pools,
        'requests': requests,
        'nova_us_per_host': round(nova_us, 2),
        'pci_ext_us_per_host': round(our_us, 2),
        'ratio': round(nova_us / our_us, 1),
        'bytes_per_host': round((after - before) / number),
    }


COLUMNS = (
    'hosts',
    'cloud',
    'pools',
    'requests',
    'nova_us_per_host',
    'pci_ext_us_per_host',
    'ratio',
    'bytes_per_host',
)


def show(row: dict[str, Any]) -> None:
    print(
        '  '.join(f'{row[column]!s:>{len(column)}}' for column in COLUMNS),
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--json', help='file to write the rows to')
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    objects.register_all()
    conf.register_opts()
    activator.activate()
    print(f'Python {platform.python_version()}, {platform.machine()}')
    print('  '.join(COLUMNS))
    rows = []
    cases = [(size, cloud, 10, 2) for size in SIZES for cloud in KINDS]
    # How the cost grows with pools and with requests.
    cases += [(1_000, 'all different', pools, 2) for pools in (20, 40)]
    cases += [(1_000, 'all different', 10, requests) for requests in (3, 4)]
    for number, cloud, pools, requests in cases:
        # Nova's filter takes minutes at the large sizes; rounds are few.
        row = measure(number, cloud, pools, requests, args.rounds)
        rows.append(row)
        show(row)
    if args.json:
        with open(args.json, 'w') as stream:
            json.dump(rows, stream, indent=2)
    return 0


if __name__ == '__main__':
    sys.exit(main())
