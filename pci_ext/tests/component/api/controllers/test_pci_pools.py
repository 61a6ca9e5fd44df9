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
from urllib import parse

from pci_ext.api.inventory import reader
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base

PATH = '/os-pci-pools'

GPU = {'vendor_id': '10de', 'product_id': '1db4', 'dev_type': 'type-PCI'}
PF = {'vendor_id': '8086', 'product_id': '1563', 'dev_type': 'type-PF'}


class PciPoolsTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.create_host('cell2', 'host2', {**PF, 'count': 2})
        self.host1 = self.create_host(
            'cell1',
            'host1',
            {**GPU, 'numa_node': 0, 'count': 1, 'e.group': 'gpu'},
            {**GPU, 'numa_node': 1, 'count': 8},
        )
        self.create_host('cell1', 'idle')
        for name, specs in (
            ('gpu', {'e.group': 'gpu'}),
            ('nvidia', {'vendor_id': '10de'}),
            # Only a PCI flavor with dev_type matches a physical function.
            ('intel', {'vendor_id': '8086'}),
            ('card', {'vendor_id': '8086', 'dev_type': 'type-PF'}),
        ):
            db.create(pci_flavor.PciFlavor(name=name, specs=specs))

    def get_list(self, **query: Any) -> dict[str, Any]:
        response = self.call(
            'GET', f'{PATH}?{parse.urlencode(query, doseq=True)}'
        )
        self.assertEqual(200, response.status_int, response.text)
        return response.json

    def counts(self, **query: Any) -> list[int]:
        return [each['count'] for each in self.get_list(**query)['pci_pools']]

    def test_shows_all_fields(self) -> None:
        listed = self.get_list(host='host1', sort_key='count')
        self.assertEqual([], listed['cells_down'])
        first, second = listed['pci_pools']
        self.assertNotEqual(first.pop('uuid'), second.pop('uuid'))
        self.assertEqual(
            {
                'host': 'host1',
                'properties': {**GPU, 'numa_node': '0', 'e.group': 'gpu'},
                'count': 1,
                'usage': {'total': 0, 'available': 0, 'allocated': 0},
                'pci_flavors': ['gpu', 'nvidia'],
            },
            first,
        )
        self.assertEqual(['nvidia'], second['pci_flavors'])

    def test_counts_devices_by_status(self) -> None:
        group = {'e.group': 'gpu'}
        for slot, numa_node, status, attributes in (
            (1, 0, 'available', group),
            (2, 0, 'allocated', group),
            (3, 0, 'claimed', group),
            (4, 0, 'unavailable', group),
            (5, 0, 'removed', group),
            (6, 1, 'available', {}),
        ):
            self.create_device(
                'cell1',
                self.host1,
                f'0000:0{slot}:00.0',
                attributes=attributes,
                status=status,
                numa_node=numa_node,
                **GPU,
            )
        listed = self.get_list(sort_key=['host', 'count'])['pci_pools']
        self.assertEqual(
            [
                {'total': 4, 'available': 1, 'allocated': 2},
                {'total': 1, 'available': 1, 'allocated': 0},
                {'total': 0, 'available': 0, 'allocated': 0},
            ],
            [each['usage'] for each in listed],
        )

    def test_physical_function_needs_its_dev_type(self) -> None:
        (shown,) = self.get_list(host='host2')['pci_pools']
        self.assertEqual(['card'], shown['pci_flavors'])

    def test_filters_pools(self) -> None:
        for query, expected in (
            ({}, [1, 8, 2]),
            ({'host': 'host2'}, [2]),
            ({'host': 'idle'}, []),
            ({'flavor': 'nvidia'}, [1, 8]),
            ({'flavor': 'intel'}, []),
            ({'e.group': 'gpu'}, [1]),
            ({'numa_node': '*'}, [1, 8]),
            ({'device_id': GPU['product_id']}, [1, 8]),
        ):
            self.assertEqual(
                sorted(expected), sorted(self.counts(**query)), query
            )

    def test_returns_pages(self) -> None:
        sort = {'sort_key': ['host', 'count'], 'sort_dir': ['desc']}
        self.assertEqual([2, 8, 1], self.counts(**sort))
        page = self.get_list(limit=2, **sort)
        (link,) = page['pci_pools_links']
        response = self.call(
            'GET', link['href'].removeprefix('http://localhost/v2.1')
        )
        self.assertEqual(
            [1], [each['count'] for each in response.json['pci_pools']]
        )

    def test_refuses_the_status_parameter(self) -> None:
        response = self.call('GET', f'{PATH}?status=available')
        self.assertEqual(400, response.status_int)
        self.assertIn('status', response.text)
        self.assertNotIn('sort_key, status', response.text)

    def test_filters_by_grouping_keys(self) -> None:
        self.create_host(
            'cell2', 'host3', {**GPU, 'class': '0x030000', 'count': 3}
        )
        self.assertEqual([3], self.counts(**{'class': '0x0300|0x0302'}))

    def test_lists_unreachable_cells(self) -> None:
        cell = self.cell_mappings['cell1']
        self.useFixture(
            base.BrokenCell(reader, 'pools_and_groups_in_cell', cell)
        )
        listed = self.get_list()
        self.assertEqual([cell.uuid], listed['cells_down'])
        self.assertEqual([2], [each['count'] for each in listed['pci_pools']])

    def test_sends_one_query_per_cell(self) -> None:
        for number in range(5):
            self.create_host('cell1', f'more{number}', {**GPU, 'count': 1})
        with (
            base.statements('compute_nodes') as nodes,
            base.statements('pci_devices') as devices,
        ):
            self.get_list()
        self.assertEqual(4, len(nodes))
        self.assertEqual(2, len(devices))
