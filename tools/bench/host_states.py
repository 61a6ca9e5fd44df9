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
"""The pools of hosts, from their records to what filters use.

For each boot the scheduler reads the records of all hosts that it may choose.
"""

from __future__ import annotations

from collections.abc import Iterator

from nova.objects import pci_device_pool
from nova.pci import stats as nova_stats

from pci_ext.claims import recorded_pools
from tools.bench import hosts
from tools.bench import rows

SIZES = {False: 100, True: 2_000}


def measure(large: bool) -> Iterator[rows.Row]:
    number = SIZES[large]
    for cloud in '20 kinds', 'all different':
        records = hosts.records_of_cloud(number, cloud, 10)

        def ours(records: list[str] = records) -> None:
            for record in records:
                pools = pci_device_pool.from_pci_stats(record)
                stats = nova_stats.PciDeviceStats(None, pools)
                assert stats.shared_pools

        def rival(records: list[str] = records) -> None:
            for record in records:
                assert hosts.NovaStats(None, hosts.nova_pools(record)).pools

        def first(run: object = ours) -> float:
            recorded_pools._parse.cache_clear()
            return rows.seconds(run) / number * 1e6

        def novas(run: object = rival) -> float:
            return rows.seconds(run) / number * 1e6

        name = f'pools of {number:,} hosts, {cloud}'
        one, other = rows.in_turns(first, novas, 3)
        yield rows.Row(name, 'µs/host', one, other)
        one = rows.seconds(ours) / number * 1e6
        yield rows.Row(f'{name}, later boots', 'µs/host', one, other)
