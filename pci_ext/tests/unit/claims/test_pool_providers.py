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

from pci_ext.claims import pool_providers


class LimitCountsTestCase(base.BaseTestCase):
    def limited(
        self, counts: list[tuple[str | None, int]], **free: int
    ) -> list[int] | None:
        """Return the counts of pools by provider, None if none is lowered."""
        pools = [
            {'rp_uuid': provider, 'count': count} for provider, count in counts
        ]
        if pool_providers.limit_counts(pools, free, {'own': 1}):
            return [pool['count'] for pool in pools]
        return None

    def test_leaves_what_placement_has_free(self) -> None:
        self.assertEqual([1, 2], self.limited([('a', 2), ('b', 2)], a=1, b=2))
        self.assertEqual([0], self.limited([('a', 2)], a=-1))

    def test_lowers_none_that_placement_has_free(self) -> None:
        self.assertIsNone(self.limited([('a', 2), (None, 1), ('b', 1)], a=2))

    def test_keeps_devices_that_the_server_has_there(self) -> None:
        self.assertIsNone(self.limited([('own', 2)], own=1))
        self.assertEqual([1], self.limited([('own', 2)], own=0))

    def test_pools_of_one_provider_share_its_free_devices(self) -> None:
        self.assertEqual([1, 0], self.limited([('a', 1), ('a', 1)], a=1))
        self.assertEqual([1, 1], self.limited([('a', 1), ('a', 2)], a=2))
