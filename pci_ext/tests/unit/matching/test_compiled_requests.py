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

from pci_ext.matching import assignment
from pci_ext.matching import compiled_requests

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


class PricesTest(base.BaseTestCase):
    def price(self, spec: list[dict[str, str]], **values: Any) -> int | None:
        return compile_all((1, spec)).pool_costs(pool('000b', **values))[0]

    def test_price_is_the_place_among_the_alternatives(self) -> None:
        self.assertEqual(1, self.price([A, B]))
        self.assertEqual(0, self.price([B, A]))
        self.assertIsNone(self.price([A]))

    def test_markers_are_no_attributes(self) -> None:
        self.assertEqual(
            0,
            self.price([{'e.name': 'x', 'pci_name': 'x'}], **{'e.name': 'x'}),
        )

    def test_pci_flavor_without_specs_matches_nothing(self) -> None:
        self.assertIsNone(self.price([{'pci_flavor': 'new'}]))

    def test_empty_ids_are_absent(self) -> None:
        self.assertIsNone(self.price([ANY], product_id=''))

    def test_numbers_are_matched_as_text(self) -> None:
        node = [{'numa_node': '1', 'pci_flavor': 'near'}]
        self.assertEqual(0, self.price(node, numa_node=1))
        self.assertIsNone(self.price(node, numa_node=None))

    def test_special_attributes_have_to_be_named_all(self) -> None:
        special = {'e.a': '1', 'e.b': '2', 'special_attrs': 'e.a,e.b'}
        self.assertIsNone(self.price([B], **special))
        self.assertIsNone(self.price([B | {'e.a': '1'}], **special))
        self.assertEqual(
            0, self.price([B | {'e.a': '1', 'e.b': '*'}], **special)
        )

    def test_what_is_given_on_demand_only(self) -> None:
        for values, naming in (
            ({'dev_type': 'type-PF'}, {'dev_type': 'type-.*'}),
            ({'dev_type': 'vdpa'}, {'dev_type': 'vdpa'}),
            ({'remote_managed': 'True'}, {'remote_managed': '*'}),
        ):
            self.assertIsNone(self.price([B], **values))
            self.assertEqual(0, self.price([B | naming], **values))
        self.assertEqual(0, self.price([B], remote_managed='false'))

    def test_one_price_a_request(self) -> None:
        asked = compile_all((1, [A]), (2, [ANY]), (1, [A]))
        self.assertEqual((0, 0, 0), asked.pool_costs(pool('000a')))
        self.assertEqual((None, 0, None), asked.pool_costs(pool('000b')))
        self.assertEqual(
            (None, None, None), asked.pool_costs(pool('000b', product_id=''))
        )


class FitTest(base.BaseTestCase):
    def test_cost_and_what_is_left(self) -> None:
        asked = compile_all((2, [A, B]))
        self.assertEqual(
            compiled_requests.HostFit(cost=1, left=2),
            asked.fit([pool('000a'), pool('000b', 3), pool('000c', 9)]),
        )
        self.assertIsNone(asked.fit([pool('000a')]))
        self.assertIsNone(asked.fit([]))

    def test_the_same_request_twice_needs_twice_as_many(self) -> None:
        asked = compile_all((1, [A]), (1, [A]))
        self.assertIsNone(asked.fit([pool('000a', 1)]))
        self.assertIsNotNone(asked.fit([pool('000a', 2)]))

    def test_card_whole_or_in_parts(self) -> None:
        asked = compile_all((1, [WHOLE]), (1, [B]))
        whole = pool('000f', dev_type='type-PF', address='0000:01:00.0')
        part = pool('000b', dev_type='type-VF', address='0000:01:00.0')
        self.assertIsNone(asked.fit([whole, part]))
        other = part | {'address': '0000:02:00.0'}
        self.assertEqual(
            compiled_requests.HostFit(cost=0, left=1),
            asked.fit([whole, part, other]),
        )

    def test_found_counts_for_each_request_alone(self) -> None:
        asked = compile_all((1, [A]), (1, [A, B]))
        self.assertEqual(
            (2, 5), asked.count_matching([pool('000a', 2), pool('000b', 3)])
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
    def test_kinds_give_what_the_pools_themselves_would(
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
        asked = compile_all(*requests)
        prices = [asked.pool_costs(each) for each in pools]
        expected = assignment.assign(
            counts,
            [
                assignment.Request(
                    count, tuple(price[index] for price in prices)
                )
                for index, (count, _) in enumerate(requests)
            ],
        )
        found = asked.fit(pools)
        self.assertEqual(expected and expected.cost, found and found.cost)
