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

from oslotest import base

from pci_ext.matching import min_cost_flow


class TestCheapestFlow(base.BaseTestCase):
    def test_devices_are_exchanged_for_a_later_request(self):
        self.assertEqual(
            [(0, 1, 2), (1, 0, 2)],
            min_cost_flow.cheapest_flow((2, 2), (2, 2), ((0, 1), (0, None))),
        )

    def test_part_of_the_devices_is_exchanged(self):
        self.assertEqual(
            [(0, 0, 2), (0, 1, 1), (1, 0, 1)],
            min_cost_flow.cheapest_flow((3, 9), (3, 1), ((0, 1), (0, None))),
        )

    def test_exchanges_devices_if_that_costs_less(self):
        self.assertEqual(
            [(0, 1, 1), (1, 0, 1)],
            min_cost_flow.cheapest_flow((1, 1), (1, 1), ((0, 1), (0, 5))),
        )
        self.assertEqual(
            [(0, 0, 1), (1, 1, 1)],
            min_cost_flow.cheapest_flow((1, 1), (1, 1), ((0, 5), (0, 1))),
        )

    def test_chain_of_exchanges(self):
        # Each request moves all earlier ones to the next pool.
        size = 20
        costs = tuple(
            tuple(
                pool if pool <= size - 1 - request else None
                for pool in range(size)
            )
            for request in range(size)
        )
        self.assertEqual(
            [(request, size - 1 - request, 1) for request in range(size)],
            min_cost_flow.cheapest_flow((1,) * size, (1,) * size, costs),
        )

    def test_no_flow(self):
        self.assertIsNone(
            min_cost_flow.cheapest_flow((1, 9), (1, 1), ((0, None), (0, None)))
        )
        self.assertIsNone(min_cost_flow.cheapest_flow((), (1,), ((),)))

    def test_empty_pools_are_skipped(self):
        self.assertEqual(
            [(0, 1, 1)], min_cost_flow.cheapest_flow((0, 1), (1,), ((0, 7),))
        )

    def test_nothing_requested(self):
        self.assertEqual([], min_cost_flow.cheapest_flow((1,), (0,), ((0,),)))
