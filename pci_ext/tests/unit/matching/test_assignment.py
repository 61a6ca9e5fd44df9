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

import itertools

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from oslotest import base

from pci_ext.matching import assignment

NO = None


def _splits(count, costs, capacities):
    """Yield all splits of the devices of one request over the pools."""
    ranges = [
        range(1 if cost is None else min(count, devices) + 1)
        for cost, devices in zip(costs, capacities, strict=True)
    ]
    for split in itertools.product(*ranges):
        if sum(split) == count:
            yield split


def _brute_force_cost(capacities, requests, conflicts):
    """Return the least cost of all assignments, None if there are none."""
    costs = []
    for splits in itertools.product(
        *(
            list(_splits(request.count, request.costs, capacities))
            for request in requests
        )
    ):
        used = [
            sum(split[pool] for split in splits)
            for pool in range(len(capacities))
        ]
        if any(map(int.__gt__, used, capacities)) or any(
            used[one] and used[other] for one, other in conflicts
        ):
            continue
        costs.append(
            sum(
                devices * (request.costs[pool] or 0)
                for request, split in zip(requests, splits, strict=True)
                for pool, devices in enumerate(split)
            )
        )
    return min(costs, default=None)


@st.composite
def _problems(draw, with_conflicts):
    pools = draw(st.integers(1, 4))
    cost = st.one_of(st.none(), st.integers(0, 3))
    request = st.builds(
        assignment.Request, st.integers(1, 3), st.tuples(*[cost] * pools)
    )
    pool = st.integers(0, pools - 1)
    return (
        tuple(draw(st.tuples(*[st.integers(0, 3)] * pools))),
        tuple(draw(st.lists(request, max_size=3))),
        tuple(draw(st.lists(st.tuples(pool, pool), max_size=4)))
        if with_conflicts
        else (),
    )


class TestAssign(base.BaseTestCase):
    def _assign(self, capacities, *requests, conflicts=()):
        found = assignment.assign(
            capacities,
            tuple(assignment.Request(*request) for request in requests),
            conflicts,
        )
        return None if found is None else (found.cost, found.taken)

    def test_nothing_requested(self):
        self.assertEqual((0, ()), self._assign((1, 2)))
        self.assertEqual((0, ()), self._assign(()))

    def test_cheapest_pool_first(self):
        self.assertEqual(
            (2, ((0, 0, 2), (0, 1, 3))),
            self._assign((2, 3, 4), (5, (1, 0, 2))),
        )

    def test_not_enough_devices(self):
        self.assertIsNone(self._assign((), (1, ())))
        self.assertIsNone(self._assign((1,), (1, (NO,))))
        self.assertIsNone(self._assign((1, 1), (3, (0, 0))))
        self.assertIsNone(self._assign((1, 5), (1, (0, NO)), (1, (0, NO))))

    def test_one_free_a_and_one_free_b_in_either_order(self):
        # Nova's greedy assignment refuses the first.
        self.assertEqual(
            (1, ((0, 1, 1), (1, 0, 1))),
            self._assign((1, 1), (1, (0, 1)), (1, (0, NO))),
        )
        self.assertEqual(
            (1, ((0, 0, 1), (1, 1, 1))),
            self._assign((1, 1), (1, (0, NO)), (1, (0, 1))),
        )

    def test_minimizes_the_total_cost(self):
        self.assertEqual(
            (1, ((0, 1, 1), (1, 0, 1))),
            self._assign((1, 1), (1, (0, 1)), (1, (0, 9))),
        )

    def test_exchange_through_several_pools(self):
        self.assertEqual(
            (0, ((0, 1, 4), (1, 2, 4), (2, 0, 4))),
            self._assign(
                (4, 4, 4), (4, (0, 0, NO)), (4, (NO, 0, 0)), (4, (0, NO, NO))
            ),
        )

    def test_conflict_excludes_the_cheapest_pool(self):
        # A physical function, its virtual functions, and those of another.
        capacities, costs = (1, 8, 8), (NO, 0, 1)
        self.assertEqual(
            (2, ((0, 0, 1), (1, 2, 2))),
            self._assign(
                capacities,
                (1, (0, NO, NO)),
                (2, costs),
                conflicts=((0, 1),),
            ),
        )

    def test_conflict_without_another_pool(self):
        self.assertIsNone(
            self._assign(
                (1, 8), (1, (0, NO)), (1, (NO, 0)), conflicts=((0, 1),)
            )
        )

    def test_pool_conflicting_with_itself_is_left_out(self):
        self.assertEqual(
            (1, ((0, 1, 1),)),
            self._assign((1, 1), (1, (0, 1)), conflicts=((0, 0),)),
        )

    def test_many_equal_cards(self):
        # 16 cards, each to be used whole or as 8 virtual functions. Half of
        # them are requested whole, so 64 virtual functions remain.
        cards = 16
        capacities = (1, 8) * cards
        conflicts = tuple((2 * card, 2 * card + 1) for card in range(cards))
        functions, virtual = (0, NO) * cards, (NO, 0) * cards
        found = self._assign(
            capacities, (8, functions), (64, virtual), conflicts=conflicts
        )
        used = {pool for _request, pool, _devices in found[1]}
        self.assertEqual(16, len({pool // 2 for pool in used}))
        self.assertEqual(16, len(used))
        self.assertIsNone(
            self._assign(
                capacities, (8, functions), (65, virtual), conflicts=conflicts
            )
        )

    def _check(self, capacities, requests, conflicts):
        expected = _brute_force_cost(capacities, requests, conflicts)
        found = assignment.assign(capacities, requests, conflicts)
        self.assertEqual(
            found, assignment.assign(capacities, requests, conflicts)
        )
        if found is None:
            self.assertIsNone(expected)
            return
        self.assertEqual(expected, found.cost)
        self.assertEqual(sorted(found.taken), list(found.taken))
        cost = 0
        remaining = list(capacities)
        missing = [request.count for request in requests]
        for request, pool, devices in found.taken:
            self.assertGreater(devices, 0)
            remaining[pool] -= devices
            missing[request] -= devices
            cost += devices * requests[request].costs[pool]
        self.assertEqual(found.cost, cost)
        self.assertEqual({0}, {0, *missing})
        self.assertGreaterEqual(min(remaining), 0)
        used = {pool for _request, pool, _devices in found.taken}
        for conflict in conflicts:
            self.assertFalse(used.issuperset(conflict))

    @settings(max_examples=300, deadline=None)
    @given(_problems(with_conflicts=False))
    def test_agrees_with_brute_force(self, problem):
        self._check(*problem)

    @settings(max_examples=300, deadline=None)
    @given(_problems(with_conflicts=True))
    def test_agrees_with_brute_force_under_conflicts(self, problem):
        self._check(*problem)
