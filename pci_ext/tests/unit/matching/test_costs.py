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
from typing import Any

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from pci_ext.matching import costs
from pci_ext.matching import grouping
from pci_ext.matching import selectors

VALUES: dict[str, list[Any]] = {
    'vendor_id': ['8086', '10de', ''],
    'product_id': ['000a', '000b'],
    'numa_node': [None, 0, 1],
    'dev_type': ['type-PCI', 'type-PF', 'type-VF', 'vdpa'],
    'remote_managed': ['true', 'false', 'True'],
    'one_time_use': ['true', 'false'],
    'special_attrs': ['', 'e.group', 'e.group,e.rack'],
    'e.group': ['x', 'y'],
    'e.rack': ['1', '2'],
}
PATTERNS = {
    'vendor_id': ['8086', '*'],
    'product_id': ['000[ab]', '000b', 'A'],
    'numa_node': ['0', '[01]'],
    'dev_type': ['type-.*', 'type-PF', '*'],
    'remote_managed': ['true', '*'],
    'special_attrs': ['*'],
    'e.group': ['x', '[xy]'],
    'e.rack': ['1', '*'],
    'count': ['*'],
}

pools = st.fixed_dictionaries(
    {'count': st.integers(0, 3)},
    optional={key: st.sampled_from(each) for key, each in VALUES.items()},
)
alternatives = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            key: st.sampled_from(each) for key, each in PATTERNS.items()
        },
    ).map(selectors.Selector),
    max_size=3,
).map(tuple)


def plain_cost(
    request: costs.Alternatives, pool: dict[str, Any]
) -> int | None:
    """Match a pool with each alternative in turn, as the design says it."""
    needed = set(filter(None, pool.get('special_attrs', '').split(',')))
    if pool.get('dev_type') in ('type-PF', 'vdpa'):
        needed.add('dev_type')
    for key in 'remote_managed', 'one_time_use':
        if pool.get(key, '').lower() == 'true':
            needed.add(key)
    for index, selector in enumerate(request):
        if (
            selector.keys
            and needed <= selector.keys
            and selector.matches(grouping.properties_of(pool))
        ):
            return index
    return None


class CostTableTest(base.BaseTestCase):
    @hypothesis.given(
        requests=st.lists(alternatives, max_size=3),
        host=st.lists(pools, max_size=4),
    )
    def test_fast_and_plain_agree(
        self,
        requests: list[costs.Alternatives],
        host: list[dict[str, Any]],
    ) -> None:
        table = costs.CostTable(requests)
        free: dict[costs.Costs, int] = {}
        for pool, found in zip(host, table.costs_of(host), strict=True):
            expected = tuple(plain_cost(each, pool) for each in requests)
            self.assertEqual(expected, found)
            if any(cost is not None for cost in expected):
                free[expected] = free.get(expected, 0) + pool['count']
        counted: dict[costs.Costs, int] = {}
        for matches, count in table.count_free(host).items():
            found = table.costs_of_matches(matches)
            counted[found] = counted.get(found, 0) + count
        self.assertEqual(free, counted)

    def test_memory_is_bounded(self) -> None:
        table = costs.CostTable([(selectors.Selector({'e.name': '.*7'}),)])
        host = [{'e.name': str(number), 'count': 1} for number in range(1000)]
        self.assertEqual([100], list(table.count_free(host).values()))
        self.assertEqual([100], list(table.count_free(host).values()))
        for _key, column in table._columns:
            self.assertLessEqual(len(column), costs._VALUES)
