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

"""Fast paths and plain ones, compared in random cases.

Each case is a host and the requests of a server. Brute force knows devices one
by one, and nothing of pools of one kind, costs of flows or searches.
PCI_EXT_TEST_CASES sets the number of cases.
"""

from __future__ import annotations

import functools
import os
import random
from typing import Any

from nova import objects
from oslotest import base
from testtools import content

from pci_ext.claims import stats
from pci_ext.matching import assignment
from pci_ext.matching import compiled_requests
from pci_ext.matching import explanation
from pci_ext.matching import grouping
from pci_ext.requests import compiler
from pci_ext.tests import fixtures
from pci_ext.tests.unit.claims import devices

CASES = int(os.environ.get('PCI_EXT_TEST_CASES', '1000'))

MODELS = ('000a', '000b', '000c')
SELECTORS = (
    *({'product_id': model} for model in MODELS),
    {'product_id': '000[ab]'},
    {'vendor_id': '8086'},
    {'dev_type': 'type-PF'},
    {'dev_type': 'type-VF', 'product_id': '000c'},
    {'dev_type': '*', 'product_id': '000[bc]'},
    {'e.group': 'gpu'},
)

Pool = dict[str, Any]


def make_pools(rng: random.Random) -> list[Pool]:
    """Make a host of up to three cards, some with VFs, and other devices."""
    pools = []
    for slot in range(rng.randint(0, 3)):
        card = {'address': f'0000:0{slot}:00.0', 'vendor_id': '8086'}
        for dev_type in ('type-PF', 'type-VF', 'type-VF'):
            if rng.random() < 0.7:
                pools.append(
                    {
                        **card,
                        'dev_type': dev_type,
                        'count': 1 if dev_type == 'type-PF' else 2,
                        'product_id': rng.choice(MODELS),
                    }
                )
    for _ in range(rng.randint(0, 3)):
        pools.append(
            {
                'vendor_id': rng.choice(('8086', '10de')),
                'product_id': rng.choice(MODELS),
                'dev_type': 'type-PCI',
                'count': rng.randint(0, 2),
                **({'e.group': 'gpu'} if rng.random() < 0.3 else {}),
            }
        )
    rng.shuffle(pools)
    return [
        {'numa_node': None, grouping.SPECIAL_ATTRS: '', **pool}
        for pool in pools
    ]


def make_requests(rng: random.Random) -> list[objects.InstancePCIRequest]:
    return [
        devices.request(
            rng.randint(1, 2), *rng.sample(SELECTORS, rng.randint(1, 3))
        )
        for _ in range(rng.randint(1, 3))
    ]


def most_served(
    pools: list[Pool], costs: list[tuple[int | None, ...]]
) -> tuple[int, int]:
    """Serve as many devices as possible, at the least cost.

    :param costs: of the pools, for each device requested
    :returns: the number of devices that are missing, and the cost
    """
    excluded: dict[int, set[int]] = {}
    for one, other in grouping.exclusions(pools):
        excluded.setdefault(one, set()).add(other)
        excluded.setdefault(other, set()).add(one)

    @functools.cache
    def best(index: int, free: tuple[int, ...]) -> tuple[int, int]:
        if index == len(costs):
            return 0, 0
        missing, cost = best(index + 1, free)
        results = [(missing + 1, cost)]
        for pool, each in enumerate(costs[index]):
            if each is not None and free[pool]:
                left = tuple(
                    0
                    if other in excluded.get(pool, ())
                    else count - (other == pool)
                    for other, count in enumerate(free)
                )
                missing, cost = best(index + 1, left)
                results.append((missing, cost + each))
        return min(results)

    return best(0, tuple(pool['count'] for pool in pools))


class RandomCasesTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.fitting = 0

    def check(self, rng: random.Random) -> None:
        pools = make_pools(rng)
        requests = make_requests(rng)
        alone = [
            compiled_requests.compile_request(request.count, request.spec)
            for request in requests
        ]
        costs = [
            tuple(
                compiled_requests.CompiledRequests([each]).pool_costs(pool)[0]
                for pool in pools
            )
            for each in alone
        ]
        missing, cost = most_served(
            pools,
            [
                row
                for request, row in zip(requests, costs, strict=True)
                for _ in range(request.count)
            ],
        )
        total = sum(request.count for request in requests)
        fits = missing == 0
        self.fitting += fits

        compiled = compiler.compile_requests(requests)
        fit = compiled.fit(pools)
        self.assertEqual(fits, fit is not None)
        if fit:
            self.assertEqual(cost, fit.cost)
        explained = explanation.explain(compiled, pools)
        self.assertEqual(total - missing, sum(explained.found))
        self.assertEqual(
            cost,
            sum(each.alternative * each.count for each in explained.taken),
        )
        found = assignment.assign(
            [pool['count'] for pool in pools],
            [
                assignment.Request(request.count, row)
                for request, row in zip(requests, costs, strict=True)
            ],
            grouping.exclusions(pools),
        )
        self.assertEqual(cost if fits else None, found and found.cost)
        host = stats.PciDeviceStats(None)
        host.pools = [dict(pool) for pool in pools]
        self.assertEqual(fits, host.support_requests(requests, None))
        if fits:
            host.apply_requests(requests, None)
            left = sum(pool['count'] for pool in host.pools)
            self.assertLessEqual(
                left, sum(pool['count'] for pool in pools) - total
            )

    def test_all_agree(self) -> None:
        for seed in range(CASES):
            try:
                self.check(random.Random(seed))
            except Exception:
                self.addDetail('seed', content.text_content(str(seed)))
                raise
        # Else the cases would show little.
        self.assertGreater(self.fitting, CASES // 10)
        self.assertLess(self.fitting, CASES * 9 // 10)
