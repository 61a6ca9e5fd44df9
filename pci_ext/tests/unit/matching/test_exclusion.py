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

import random

import fixtures
from oslotest import base

from pci_ext import exception
from pci_ext.matching import assignment
from pci_ext.matching import exclusion


class TestSearch(base.BaseTestCase):
    def _assign(self, capacities, requests, conflicts):
        return assignment.assign(
            capacities,
            tuple(assignment.Request(*request) for request in requests),
            conflicts,
        )

    def test_solves_once_without_a_clash(self):
        solved = []

        def cheapest(capacities):
            solved.append(capacities)
            return 3, [(0, 1, 1)]

        found = exclusion.search(
            (1, 1), ('a', 'b'), ((0, 1),), cheapest, exclusion.Budget()
        )
        self.assertEqual((3, [(0, 1, 1)]), found)
        self.assertEqual([(1, 1)], solved)

    def test_pools_with_different_costs_are_not_equivalent(self):
        # Leaving out 1 and 2 is worse than leaving out 0 and 3, though both
        # pairs have the same number of devices.
        found = self._assign(
            (2, 2, 2, 2),
            (
                (2, (None, 0, 0, None)),
                (1, (0, 2, 0, 2)),
                (1, (None, 2, None, 2)),
            ),
            ((0, 1), (2, 3)),
        )
        self.assertEqual(2, found.cost)
        self.assertEqual(
            ((0, 1, 1), (0, 2, 1), (1, 2, 1), (2, 1, 1)), found.taken
        )

    def _search_infeasible(self, cards, kinds, budget=None):
        """Search for more pools than cards; return the attempts.

        :returns: their number, and whether the search was given up
        """
        solved = 0

        def cheapest(capacities):
            nonlocal solved
            solved += 1
            used = [pool for pool, devices in enumerate(capacities) if devices]
            if len(used) <= cards:
                return None
            return 0, [(0, pool, 1) for pool in used]

        conflicts = [(2 * card, 2 * card + 1) for card in range(cards)]
        try:
            found = exclusion.search(
                (1,) * 2 * cards,
                kinds,
                conflicts,
                cheapest,
                budget or exclusion.Budget(),
            )
        except exception.AssignmentGivenUp:
            return solved, True
        self.assertIsNone(found)
        return solved, False

    def test_equivalent_cards_are_tried_once(self):
        cards = 12
        solved, given_up = self._search_infeasible(cards, ('PF', 'VF') * cards)
        # Less than 2 ** 12: only the number of cards decided each way counts.
        self.assertLess(solved, 13 * 14)
        self.assertFalse(given_up)

    def test_gives_up(self):
        cards = 16
        # All cards differ, and no assignment exists.
        solved, given_up = self._search_infeasible(cards, range(2 * cards))
        self.assertTrue(given_up)
        self.assertEqual(exclusion.MAX_CHOICES + 1, solved)

    def test_gives_up_for_all_hosts_together(self):
        self.useFixture(
            fixtures.MockPatchObject(exclusion, 'MAX_CHOICES_OF_SERVER', 300)
        )
        cards = 7
        budget = exclusion.Budget()
        tries = [
            self._search_infeasible(cards, range(2 * cards), budget)
            for _host in range(4)
        ]
        # A host alone has 254, of which the first 64 do not count.
        self.assertEqual(
            [(255, False), (175, True), (65, True), (65, True)], tries
        )
        # So small searches go on.
        self.assertEqual(
            (31, False), self._search_infeasible(4, range(8), budget)
        )

    def test_chain_of_conflicts(self):
        # Five pools, each in conflict with the next: 0, 2 and 4 remain.
        conflicts = tuple((pool, pool + 1) for pool in range(4))
        self.assertEqual(
            ((0, 0, 1), (0, 2, 1), (0, 4, 1)),
            self._assign((1,) * 5, ((3, (0,) * 5),), conflicts).taken,
        )
        self.assertIsNone(self._assign((1,) * 5, ((4, (0,) * 5),), conflicts))

    def test_order_of_conflicts_does_not_matter(self):
        conflicts = [(0, 1), (2, 1), (3, 4), (4, 5)]
        requests = ((2, (0, 0, 1, 2, None, 1)), (2, (None, 0, 0, 1, 1, 3)))
        found = self._assign((1,) * 6, requests, conflicts)
        self.assertIsNotNone(found)
        for seed in range(5):
            random.Random(seed).shuffle(conflicts)
            reversed_pairs = [conflict[::-1] for conflict in conflicts]
            self.assertEqual(
                found, self._assign((1,) * 6, requests, reversed_pairs)
            )
