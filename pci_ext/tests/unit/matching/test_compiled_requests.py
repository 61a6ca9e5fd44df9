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
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from pci_ext.matching import assignment
from pci_ext.matching import compiled_requests
from pci_ext.matching import grouping
from pci_ext.matching import selectors

A = {'product_id': '000a', 'pci_flavor': 'a'}
B = {'product_id': '000b', 'pci_flavor': 'b'}
ANY = {'product_id': '*', 'pci_flavor': 'any'}
WHOLE = {'dev_type': 'type-PF', 'pci_flavor': 'whole'}


def compile_all(
    *requests: tuple[int, list[dict[str, str]]],
) -> compiled_requests.CompiledRequests:
    return compiled_requests.CompiledRequests(
        [
            compiled_requests.compile_request(count, spec)
            for count, spec in requests
        ]
    )


def pool(product: str, count: int = 1, **values: Any) -> dict[str, Any]:
    return {
        'vendor_id': '8086',
        'product_id': product,
        'dev_type': 'type-PCI',
        'numa_node': None,
        'count': count,
        **values,
    }


class CostsTest(base.BaseTestCase):
    def test_time_is_linear_in_the_requests(self) -> None:
        requests = compile_all(
            *((1, [{'product_id': f'{number:04x}'}]) for number in range(99))
        )
        with mock.patch.object(
            selectors.Selector, '__eq__', autospec=True
        ) as compare:
            found = requests.pool_costs(pool('0062'))
        self.assertEqual((*([None] * 98), 0), found)
        compare.assert_not_called()

    def cost(self, spec: list[dict[str, str]], **values: Any) -> int | None:
        return compile_all((1, spec)).pool_costs(pool('000b', **values))[0]

    def test_cost_is_the_index_of_the_alternative(self) -> None:
        self.assertEqual(1, self.cost([A, B]))
        self.assertEqual(0, self.cost([B, A]))
        self.assertIsNone(self.cost([A]))

    def test_markers_are_not_matched(self) -> None:
        self.assertEqual(
            0,
            self.cost([{'e.name': 'x', 'pci_name': 'x'}], **{'e.name': 'x'}),
        )

    def test_pci_flavor_without_specs_matches_nothing(self) -> None:
        self.assertIsNone(self.cost([{'pci_flavor': 'new'}]))

    def test_empty_ids_match_nothing(self) -> None:
        self.assertIsNone(self.cost([ANY], product_id=''))

    def test_numbers_are_matched_as_text(self) -> None:
        node = [{'numa_node': '1', 'pci_flavor': 'near'}]
        self.assertEqual(0, self.cost(node, numa_node=1))
        self.assertIsNone(self.cost(node, numa_node=None))

    def test_all_special_attributes_have_to_be_named(self) -> None:
        special = {'e.a': '1', 'e.b': '2', 'special_attrs': 'e.a,e.b'}
        self.assertIsNone(self.cost([B], **special))
        self.assertIsNone(self.cost([B | {'e.a': '1'}], **special))
        self.assertEqual(
            0, self.cost([B | {'e.a': '1', 'e.b': '*'}], **special)
        )

    def test_some_devices_match_only_explicit_requests(self) -> None:
        for values, naming in (
            ({'dev_type': 'type-PF'}, {'dev_type': 'type-.*'}),
            ({'dev_type': 'vdpa'}, {'dev_type': 'vdpa'}),
            ({'remote_managed': 'True'}, {'remote_managed': '*'}),
        ):
            self.assertIsNone(self.cost([B], **values))
            self.assertEqual(0, self.cost([B | naming], **values))
        self.assertEqual(0, self.cost([B], remote_managed='false'))

    def test_one_cost_for_each_request(self) -> None:
        compiled = compile_all((1, [A]), (2, [ANY]), (1, [A]))
        self.assertEqual((0, 0, 0), compiled.pool_costs(pool('000a')))
        self.assertEqual((None, 0, None), compiled.pool_costs(pool('000b')))
        self.assertEqual(
            (None, None, None),
            compiled.pool_costs(pool('000b', product_id='')),
        )

    def test_no_cost_without_pools(self) -> None:
        compiled = compile_all((1, [A]), (2, [ANY]))
        self.assertEqual([(), ()], compiled.request_costs([]))


class FitTest(base.BaseTestCase):
    def test_cost_and_devices_left(self) -> None:
        compiled = compile_all((2, [A, B]))
        self.assertEqual(
            compiled_requests.HostFit(cost=1, left=2),
            compiled.fit([pool('000a'), pool('000b', 3), pool('000c', 9)]),
        )
        self.assertIsNone(compiled.fit([pool('000a')]))
        self.assertIsNone(compiled.fit([]))

    def test_the_same_request_twice_needs_twice_as_many(self) -> None:
        compiled = compile_all((1, [A]), (1, [A]))
        self.assertIsNone(compiled.fit([pool('000a', 1)]))
        self.assertIsNotNone(compiled.fit([pool('000a', 2)]))

    def test_card_is_not_both_pf_and_vfs(self) -> None:
        compiled = compile_all((1, [WHOLE]), (1, [B]))
        whole = pool('000f', dev_type='type-PF', address='0000:01:00.0')
        part = pool('000b', dev_type='type-VF', address='0000:01:00.0')
        self.assertIsNone(compiled.fit([whole, part]))
        other = part | {'address': '0000:02:00.0'}
        self.assertEqual(
            compiled_requests.HostFit(cost=0, left=1),
            compiled.fit([whole, part, other]),
        )

    def test_count_matching_counts_for_each_request_alone(self) -> None:
        compiled = compile_all((1, [A]), (1, [A, B]))
        self.assertEqual(
            (2, 5), compiled.count_matching([pool('000a', 2), pool('000b', 3)])
        )

    @hypothesis.given(
        counts=st.lists(st.integers(0, 3), min_size=3, max_size=3),
        requests=st.lists(
            st.tuples(
                st.integers(1, 3),
                st.lists(st.sampled_from([A, B, ANY]), min_size=1, max_size=3),
            ),
            min_size=1,
            max_size=3,
        ),
    )
    def test_fit_has_the_cost_of_the_assignment(
        self,
        counts: list[int],
        requests: list[tuple[int, list[dict[str, str]]]],
    ) -> None:
        pools = [
            pool(product, count)
            for product, count in zip(
                ('000a', '000b', '000c'), counts, strict=True
            )
        ]
        compiled = compile_all(*requests)
        costs = [compiled.pool_costs(each) for each in pools]
        self.assertEqual(
            list(zip(*costs, strict=True)), compiled.request_costs(pools)
        )
        expected = assignment.assign(
            counts,
            [
                assignment.Request(count, tuple(cost[index] for cost in costs))
                for index, (count, _) in enumerate(requests)
            ],
        )
        found = compiled.fit(pools)
        self.assertEqual(expected and expected.cost, found and found.cost)
        recorded = grouping.RecordedPools(pools)
        for _ in range(2):
            self.assertEqual(found, compiled.fit(recorded))
