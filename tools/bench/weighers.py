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
"""PciFlavorWeigher beside Nova's PCIWeigher, which counts free devices."""

from __future__ import annotations

from collections.abc import Iterator

from nova.scheduler import weights as nova_weights
from nova.scheduler.weights import pci

from pci_ext.requests import compiler
from pci_ext.scheduler.weights import pci_flavor
from tools.bench import hosts
from tools.bench import rows
from tools.bench import servers

SIZES = {False: 200, True: 10_000}


def measure(large: bool) -> Iterator[rows.Row]:
    number = SIZES[large]
    server = servers.server(2, by_pci_flavor=True)
    nova_server = servers.server(2, by_pci_flavor=False)
    for cloud in '20 kinds', 'all different':
        records = hosts.records_of_cloud(number, cloud, 10)
        states, nova_states = (
            [
                nova_weights.WeighedHost(state, 0.0)
                for state in hosts.states_of(records, ours=ours)
            ]
            for ours in (True, False)
        )

        def ours(states: list[nova_weights.WeighedHost] = states) -> float:
            compiler._compile_key.cache_clear()
            weigher = pci_flavor.PciFlavorWeigher()
            return rows.seconds(lambda: weigher.weigh_objects(states, server))

        def rival(
            states: list[nova_weights.WeighedHost] = nova_states,
        ) -> float:
            weigher = pci.PCIWeigher()
            return rows.seconds(
                lambda: weigher.weigh_objects(states, nova_server)
            )

        one, other = rows.in_turns(ours, rival, 5)
        scale = 1e6 / number
        name = f'weigher, {number:,} hosts, {cloud}'
        yield rows.Row(name, 'µs/host', one * scale, other * scale)
