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

from nova import context
from nova.db.main import api as db_api

from pci_ext import exception
from pci_ext.api.inventory import available_attributes
from pci_ext.claims import reported_pools
from pci_ext.tests.component.api import base


def pool(**properties: Any) -> dict[str, Any]:
    return {'vendor_id': '', 'product_id': '', 'count': 1} | properties


GPU = pool(vendor_id='8086', product_id='0001', dev_type='type-PCI')
GROUP = pool(**{'e.group': 'gpu', 'dev_type': 'type-PCI'})


class AvailableTestCase(base.CellsTestCase):
    def test_no_attributes_without_a_host(self) -> None:
        self.assertEqual(
            frozenset(), available_attributes.available(self.context)
        )

    def test_no_attributes_without_devices(self) -> None:
        self.create_host('cell1', 'host1')
        self.assertEqual(
            frozenset(), available_attributes.available(self.context)
        )

    def test_reads_all_hosts_of_all_cells(self) -> None:
        self.create_host('cell1', 'host1', GPU)
        self.create_host('cell2', 'host2', GROUP)
        self.assertEqual(
            {'vendor_id', 'product_id', 'dev_type', 'e.group'},
            available_attributes.available(self.context),
        )

    def test_returns_grouping_keys_only(self) -> None:
        self.create_host('cell1', 'host1', GROUP)
        self.assertEqual(
            {'dev_type', 'e.group'},
            available_attributes.available(self.context),
        )

    def test_numa_node_0_is_a_value(self) -> None:
        self.create_host('cell1', 'host1', pool(numa_node=0))
        self.assertEqual(
            {'numa_node'}, available_attributes.available(self.context)
        )

    def test_hides_internal_tags(self) -> None:
        self.create_host(
            'cell1',
            'host1',
            pool(
                address='0000:02:00.0',
                parent_ifname='eth0',
                remote_managed='false',
                rp_uuid='6d9e1f4c-6d4e-4d3c-8a39-1f4c5d6e7f80',
                special_attrs='e.group',
                physical_network='physnet1',
            ),
        )
        self.assertEqual(
            {'physical_network'}, available_attributes.available(self.context)
        )

    def test_ignores_a_deleted_host(self) -> None:
        self.create_host('cell1', 'host1', GPU).destroy()
        self.assertEqual(
            frozenset(), available_attributes.available(self.context)
        )

    def test_ignores_a_host_without_reported_pools(self) -> None:
        node = self.create_host('cell1', 'host1', GPU)
        self.create_host('cell1', 'host2', GROUP)
        with context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            db_api.compute_node_update(
                cell_context, node.id, {'pci_stats': None}
            )
        self.assertEqual(
            {'dev_type', 'e.group'},
            available_attributes.available(self.context),
        )

    def test_ignores_an_unreachable_cell(self) -> None:
        self.create_host('cell1', 'host1', GPU)
        self.create_host('cell2', 'host2', GROUP)
        self.useFixture(
            base.BrokenCell(
                reported_pools,
                '_list_in_cell',
                self.cell_mappings['cell1'],
            )
        )
        self.assertEqual(
            {'dev_type', 'e.group'},
            available_attributes.available(self.context),
        )

    def test_sends_one_query_per_cell(self) -> None:
        for number in range(5):
            self.create_host('cell1', f'host{number}', GPU)
            self.create_host('cell2', f'other{number}', GROUP)
        with base.statements('compute_nodes') as statements:
            available_attributes.available(self.context)
        self.assertEqual(2, len(statements))


class CheckSpecsTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = self.create_host('cell1', 'host1', GPU, GROUP)

    def assert_refused(
        self, error: type[Exception], text: str, specs: dict[str, str]
    ) -> None:
        message = str(
            self.assertRaises(
                error, available_attributes.check_specs, self.context, specs
            )
        )
        self.assertIn(text, message)
        for key in specs:
            self.assertIn(key, message)

    def test_accepts_available_attributes(self) -> None:
        specs = {'vendor_id': '8086', 'e.group': 'gpu|npu'}
        self.assertEqual(
            specs, available_attributes.check_specs(self.context, specs)
        )

    def test_accepts_device_id_as_product_id(self) -> None:
        self.assertEqual(
            {'product_id': '0001'},
            available_attributes.check_specs(
                self.context, {'device_id': '0001'}
            ),
        )
        self.assertEqual(
            {'product_id': None, 'vendor_id': '8086'},
            available_attributes.check_specs(
                self.context, {'device_id': None, 'vendor_id': '8086'}
            ),
        )

    def test_accepts_the_removal_of_an_unavailable_attribute(self) -> None:
        self.assertEqual(
            {'e.gone': None},
            available_attributes.check_specs(self.context, {'e.gone': None}),
        )

    def test_reads_no_host_without_specs(self) -> None:
        with base.statements('compute_nodes') as statements:
            self.assertEqual(
                {}, available_attributes.check_specs(self.context, {})
            )
        self.assertEqual([], statements)

    def test_refuses_an_unavailable_attribute(self) -> None:
        self.assert_refused(
            exception.InvalidSelector,
            'Available are: dev_type, e.group, product_id, vendor_id.',
            {'e.color': 'red'},
        )

    def test_refuses_attributes_without_a_host(self) -> None:
        self.host.destroy()
        self.assert_refused(
            exception.InvalidSelector,
            'no compute host reports PCI devices',
            {'vendor_id': '8086'},
        )

    def test_refuses_a_key_of_one_machine(self) -> None:
        self.assert_refused(
            exception.InvalidSelector,
            'cannot select by a key that names one machine',
            {'address': '0000:02:00.0'},
        )

    def test_refuses_an_invalid_pattern(self) -> None:
        self.assert_refused(
            exception.InvalidPattern, '000[1-', {'product_id': '000[1-'}
        )
