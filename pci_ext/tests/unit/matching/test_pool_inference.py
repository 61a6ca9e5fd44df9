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

"""Inference of the grouping of a host from its pools and devices."""

from oslotest import base

from pci_ext.matching import pool_inference

GPU = {'vendor_id': '10de', 'product_id': '1db4', 'dev_type': 'type-PCI'}
POOL = {**GPU, 'numa_node': None, 'count': 1}
GROUP = {'e.group': 'gpu'}


class HostGroupingTest(base.BaseTestCase):
    def test_device_has_the_properties_of_its_pool(self) -> None:
        device = {**GPU, **GROUP, 'numa_node': '1', 'class': '0x030000'}
        pool = {**POOL, **GROUP, 'numa_node': 1, 'physical_network': 'X'}
        self.assertEqual(
            {**GPU, **GROUP, 'numa_node': '1', 'physical_network': 'X'},
            pool_inference.HostGrouping([POOL, pool], [device]).pool_of(
                device
            ),
        )

    def test_leaves_out_properties_that_the_host_does_not_group_by(
        self,
    ) -> None:
        # vendor_id and product_id are empty in such pools.
        pool = {**POOL, **GROUP, 'vendor_id': '', 'product_id': ''}
        device = {**GPU, **GROUP, 'e.color': 'red'}
        for free in ([device], []):
            self.assertEqual(
                {**GROUP, 'dev_type': 'type-PCI'},
                pool_inference.HostGrouping([pool], free).pool_of(
                    {**GPU, **GROUP}
                ),
                free,
            )

    def test_infers_a_pool_without_free_devices(self) -> None:
        used = {**GPU, **GROUP}
        host = pool_inference.HostGrouping([POOL], [GPU])
        self.assertEqual(used, host.pool_of(used))

    def test_leaves_out_an_attribute_of_free_devices_that_no_pool_has(
        self,
    ) -> None:
        free = {**GPU, **GROUP}
        host = pool_inference.HostGrouping([POOL], [free])
        self.assertEqual(GPU, host.pool_of(free))

    def test_host_without_reported_pools(self) -> None:
        used = {**GPU, **GROUP}
        self.assertEqual(
            used, pool_inference.HostGrouping([], []).pool_of(used)
        )

    def test_leaves_out_a_property_that_no_record_has(self) -> None:
        pools = [POOL | {'physical_network': name} for name in 'XY']
        host = pool_inference.HostGrouping(pools, [GPU])
        self.assertEqual(GPU, host.pool_of(GPU))

    def test_finds_the_pool_of_the_same_node_and_card(self) -> None:
        pools = [
            POOL | {'numa_node': 0, 'address': '0000:01:00.0'},
            POOL | {'numa_node': 0, 'address': '0000:02:00.0'},
            POOL,
        ]
        near = {**GPU, 'numa_node': '0'}
        second = {**near, 'address': '0000:02:00.0'}
        host = pool_inference.HostGrouping(pools, [GPU, second])
        self.assertEqual(second, host.pool_of(second))

    def test_infers_special_attributes(self) -> None:
        special = {**GPU, **GROUP}
        pool = {**POOL, **GROUP, 'special_attrs': 'e.group'}
        expected = {**special, 'special_attrs': 'e.group'}
        for pools in ([pool], [POOL], []):
            host = pool_inference.HostGrouping(pools, [], special=['e.group'])
            self.assertEqual(expected, host.pool_of(special), pools)
            self.assertNotIn('special_attrs', host.pool_of(GPU))
