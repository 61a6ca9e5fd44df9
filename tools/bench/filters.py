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
"""PciFlavorFilter against PciPassthroughFilter.

Both filter the same hosts. Each round compiles its requests anew: no result of
an earlier boot is used again, but for "later boots".
"""

from __future__ import annotations

from collections.abc import Iterator

from nova.scheduler.filters import pci_passthrough_filter

from pci_ext.requests import compiler
from pci_ext.scheduler.filters import pci_flavor_filter
from tools.bench import hosts
from tools.bench import rows
from tools.bench import servers

SIZES = {False: (200,), True: (1_000, 10_000)}
TARGETS = {'20 kinds': 100, 'all different': 20}


def measure(large: bool) -> Iterator[rows.Row]:
    for number in SIZES[large]:
        for cloud in hosts.KINDS:
            yield from _compare(number, cloud, 10, 2)
    # How the cost grows with pools and with requests.
    if large:
        for pools, requests in (20, 2), (40, 2), (10, 3), (10, 4):
            yield from _compare(1_000, 'all different', pools, requests)


def _compare(
    number: int, cloud: str, pools: int, requests: int
) -> Iterator[rows.Row]:
    records = hosts.records_of_cloud(number, cloud, pools)
    states = hosts.states_of(records, ours=True)
    nova_states = hosts.states_of(records, ours=False)
    server = servers.server(requests, by_pci_flavor=True)
    nova_server = servers.server(requests, by_pci_flavor=False)

    def ours() -> int:
        found = pci_flavor_filter.PciFlavorFilter()
        return len(list(found.filter_all(states, server)))

    def rival() -> int:
        found = pci_passthrough_filter.PciPassthroughFilter()
        return len(list(found.filter_all(nova_states, nova_server)))

    def first() -> float:
        compiler._compile_key.cache_clear()
        return rows.seconds(ours) / number * 1e6

    def novas() -> float:
        return rows.seconds(rival) / number * 1e6

    if ours() != rival():
        raise SystemExit('the two filters do not pass the same hosts')
    name = f'filter {number:,} hosts, {cloud}'
    if pools != 10 or requests != 2:
        name += f', {pools} pools, {requests} requests'
    # Nova's filter takes seconds at the large sizes; rounds are few.
    one, other = rows.in_turns(first, novas, 3)
    yield rows.Row(name, 'µs/host', one, other, TARGETS.get(cloud))
    one = rows.seconds(ours) / number * 1e6
    yield rows.Row(f'{name}, later boots', 'µs/host', one, other)
