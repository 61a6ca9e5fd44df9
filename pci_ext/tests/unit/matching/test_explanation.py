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

"""Explanations of whether a host fits, as data and as text."""

from __future__ import annotations

from typing import Any

import fixtures
import hypothesis
from hypothesis import strategies as st
from oslotest import base

from pci_ext import exception
from pci_ext.matching import assignment
from pci_ext.matching import explanation
from pci_ext.matching import request_grammar
from pci_ext.tests.unit.matching import test_compiled_requests

A = test_compiled_requests.A
B = test_compiled_requests.B
ANY = test_compiled_requests.ANY
WHOLE = test_compiled_requests.WHOLE

pool = test_compiled_requests.pool


def explain(
    pools: list[dict[str, Any]], *requests: tuple[int, list[dict[str, str]]]
) -> explanation.Explanation:
    return explanation.explain(
        test_compiled_requests.compile_all(*requests), pools
    )


def text_of(
    pools: list[dict[str, Any]], *requests: tuple[int, list[dict[str, str]]]
) -> str:
    return explanation.to_text(
        explain(pools, *requests),
        [
            request_grammar.Request(
                count, tuple(item['pci_flavor'] for item in spec)
            )
            for count, spec in requests
        ],
        pools,
    )


class ExplainTest(base.BaseTestCase):
    def test_allocations_have_alternative_and_pool(self) -> None:
        found = explain([pool('000b', 3), pool('000a', 1)], (3, [A, B]))
        self.assertEqual(
            explanation.Explanation(
                fits=True,
                taken=(
                    explanation.Allocation(0, alternative=1, pool=0, count=2),
                    explanation.Allocation(0, alternative=0, pool=1, count=1),
                ),
                found=(3,),
                matching=(4,),
            ),
            found,
        )

    def test_counts_found_and_matching_devices(self) -> None:
        found = explain([pool('000a', 1), pool('000b', 1)], (3, [A]), (1, [B]))
        self.assertFalse(found.fits)
        self.assertEqual((1, 1), found.found)
        self.assertEqual((1, 1), found.matching)

    def test_two_requests_for_one_device(self) -> None:
        found = explain([pool('000a', 1)], (1, [A]), (1, [ANY]))
        self.assertFalse(found.fits)
        self.assertEqual(1, sum(found.found))
        self.assertEqual((1, 1), found.matching)

    def test_leaves_a_device_for_a_stricter_request(self) -> None:
        found = explain(
            [pool('000a', 1), pool('000b', 1)], (1, [ANY]), (1, [A])
        )
        self.assertTrue(found.fits)

    def test_a_card_is_not_both_pf_and_vfs(self) -> None:
        card = {'address': '0000:01:00.0'}
        found = explain(
            [
                pool('000a', dev_type='type-PF', **card),
                pool('000b', 8, dev_type='type-VF', **card),
            ],
            (1, [WHOLE]),
            (1, [B]),
        )
        self.assertFalse(found.fits)
        self.assertEqual(1, sum(found.found))

    def test_no_pools(self) -> None:
        self.assertEqual((0,), explain([], (2, [A])).found)

    @hypothesis.given(
        st.lists(
            st.tuples(st.sampled_from(['000a', '000b']), st.integers(0, 3)),
            max_size=4,
        ),
        st.lists(
            st.tuples(
                st.integers(1, 3),
                st.lists(
                    st.sampled_from([0, 1, 2]),
                    min_size=1,
                    max_size=2,
                    unique=True,
                ),
            ),
            min_size=1,
            max_size=3,
        ),
    )
    def test_fits_if_the_filter_passes_the_host(
        self,
        pools: list[tuple[str, int]],
        requests: list[tuple[int, list[int]]],
    ) -> None:
        compiled = test_compiled_requests.compile_all(
            *(
                (count, [(A, B, ANY)[i] for i in spec])
                for count, spec in requests
            )
        )
        host = [pool(product, count) for product, count in pools]
        found = explanation.explain(compiled, host)
        fit = compiled.fit(host)
        self.assertEqual(fit is not None, found.fits)
        if fit:
            self.assertEqual(
                fit.cost,
                sum(item.count * item.alternative for item in found.taken),
            )
        for index, item in enumerate(host):
            self.assertLessEqual(
                sum(
                    taken.count for taken in found.taken if taken.pool == index
                ),
                item['count'],
            )


class TextTest(base.BaseTestCase):
    def test_fits(self) -> None:
        self.assertEqual(
            'The host fits: 1 of b from the pool dev_type=type-PCI, '
            'product_id=000b, vendor_id=8086.',
            text_of([pool('000b', 3)], (1, [A, B])),
        )

    def test_too_few_devices(self) -> None:
        self.assertEqual(
            'The host does not fit. a,b: found 1 of 2.',
            text_of([pool('000b')], (2, [A, B])),
        )

    def test_too_few_devices_for_all_requests_at_once(self) -> None:
        self.assertEqual(
            'The host does not fit: it has enough for each request, but not '
            'for all at once. any: found 0 of 1.',
            text_of([pool('000a')], (1, [A]), (1, [ANY])),
        )

    def test_search_that_was_given_up(self) -> None:
        self.useFixture(
            fixtures.MockPatchObject(
                assignment, 'assign', side_effect=exception.AssignmentGivenUp
            )
        )
        found = explain([pool('000a')], (1, [A]))
        self.assertEqual(
            (False, (), (0,), (1,)),
            (found.fits, found.taken, found.found, found.matching),
        )
        self.assertIn(
            'It is not known whether the host fits. The search for PCI '
            'devices was given up: ',
            text_of([pool('000a')], (1, [A])),
        )
