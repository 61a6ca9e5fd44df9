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
from __future__ import annotations

import copy
from typing import Any

from nova import objects
from nova.objects import pci_device_pool
from nova.pci import stats
from oslo_serialization import jsonutils
from oslotest import base

from pci_ext.claims import recorded_pools
from pci_ext.tests import fixtures
from pci_ext.tests.unit.claims import devices

POOLS = [
    {
        'vendor_id': '8086',
        'product_id': '000a',
        'numa_node': node,
        'count': 2,
        'dev_type': 'type-PCI',
        'special_attrs': '',
        'e.group': 'x',
    }
    for node in (None, 1)
]
RECORD = jsonutils.dumps(
    objects.PciDevicePoolList(
        objects=[objects.PciDevicePool.from_dict(pool) for pool in POOLS]
    ).obj_to_primitive()
)
REQUEST = devices.request(1, {'product_id': '000a'})


class RecordedPoolsTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())

    def read(self) -> Any:
        return pci_device_pool.from_pci_stats(RECORD)

    def host(self) -> stats.PciDeviceStats:
        return stats.PciDeviceStats(None, self.read())

    def content(self, pools: Any) -> Any:
        """Return what a message says of a list, in a fixed order."""
        primitive = pools.obj_to_primitive()
        del primitive['nova_object.data']
        primitive.get('nova_object.changes', []).sort()
        return primitive, [pool.to_dict() for pool in pools]

    def test_list_is_the_one_that_nova_reads(self) -> None:
        expected = recorded_pools._read(RECORD)
        self.assertEqual(
            expected.obj_what_changed(), self.read().obj_what_changed()
        )
        self.assertEqual(self.content(expected), self.content(self.read()))
        for use in (
            copy.deepcopy,
            lambda pools: pools[:],
            lambda pools: pools.obj_clone(),
        ):
            _, found = self.content(use(self.read()))
            self.assertEqual(POOLS, found)
        self.assertEqual('000a', next(iter(self.read())).product_id)

    def test_compute_node_has_it(self) -> None:
        node = objects.ComputeNode(pci_device_pools=self.read())
        again = objects.ComputeNode.obj_from_primitive(node.obj_to_primitive())
        self.assertEqual(2, len(again.pci_device_pools))

    def test_pools_are_those_of_the_record(self) -> None:
        self.assertEqual(POOLS, self.host().pools)
        self.assertEqual(POOLS, list(self.host().shared_pools))

    def test_changed_objects_count(self) -> None:
        pools = self.read()
        pools[0].count = 1
        host = stats.PciDeviceStats(None, pools)
        self.assertEqual([1, 2], [pool['count'] for pool in host.pools])

    def test_record_is_parsed_once(self) -> None:
        self.assertIs(self.host().shared_pools, self.host().shared_pools)
        self.assertIs(
            self.host().shared_pools, copy.deepcopy(self.host()).shared_pools
        )

    def test_claim_leaves_the_pools_of_other_hosts(self) -> None:
        host = self.host()
        self.assertTrue(host.support_requests([REQUEST], None))
        self.assertEqual(POOLS, list(host.shared_pools))
        host.apply_requests([REQUEST], None)
        self.assertEqual([1, 2], [pool['count'] for pool in host.pools])
        self.assertEqual([1, 2], [pool['count'] for pool in host.shared_pools])
        self.assertEqual(POOLS, self.host().pools)

    def test_aliases_leave_the_pools_of_other_hosts(self) -> None:
        host = self.host()
        alias = devices.alias(4, product_id='000a')
        self.assertTrue(host.support_requests([alias], None))
        host.apply_requests([alias], None)
        self.assertEqual([], host.pools)
        self.assertEqual(POOLS, self.host().pools)

    def test_text_that_was_cut_has_none(self) -> None:
        pools = pci_device_pool.from_pci_stats(RECORD[:-9])
        self.assertEqual([], stats.PciDeviceStats(None, pools).pools)
        self.assertEqual([], list(pools))

    def test_other_formats_are_read_by_nova(self) -> None:
        for record in jsonutils.dumps(POOLS), POOLS, '', None:
            pools = pci_device_pool.from_pci_stats(record)
            self.assertIs(objects.PciDevicePoolList, type(pools))
            self.assertEqual(2 if record else 0, len(pools))
