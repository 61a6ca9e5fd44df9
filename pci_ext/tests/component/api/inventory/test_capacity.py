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

from nova import context as nova_context
from nova.objects import fields

from pci_ext.api.inventory import capacity
from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import reader
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.policies import pci_flavors as policies
from pci_ext.tests.component.api import base

VF = {
    'vendor_id': '8086',
    'product_id': '1515',
    'dev_type': 'type-VF',
    'numa_node': None,
}
PF = VF | {'product_id': '1563', 'dev_type': 'type-PF'}
STATUS = fields.PciDeviceStatus


class UsageTestCase(base.RouterTestCase):
    """host1 has a NIC with an allocated VF; host2 has a NIC with a free PF."""

    def setUp(self) -> None:
        super().setUp()
        self.host1 = self.create_host('cell1', 'host1', {**VF, 'count': 2})
        self.host2 = self.create_host('cell2', 'host2', {**PF, 'count': 1})
        server = self.create_server('cell1', 'server', self.host1)
        for cell, host, address, values in (
            ('cell1', self.host1, '0000:01:00.0', {'status': 'unavailable'}),
            ('cell2', self.host2, '0000:01:00.0', {}),
        ):
            self.create_device(cell, host, address, **PF, **values)
        for number in range(1, 6):
            self.create_device(
                'cell1',
                self.host1,
                f'0000:01:10.{number}',
                server if number == 5 else None,
                parent_addr='0000:01:00.0',
                **VF,
                **{
                    3: {'status': STATUS.REMOVED},
                    4: {'status': STATUS.CLAIMED},
                }.get(number, {}),
            )
        for name, specs, is_public in (
            ('card', {'dev_type': 'type-PF', 'vendor_id': '8086'}, True),
            ('intel', {'vendor_id': '8086'}, True),
            ('mine', {'product_id': '15.*'}, False),
            ('none', {'vendor_id': '10de'}, True),
        ):
            db.create(
                pci_flavor.PciFlavor(
                    name=name, specs=specs, is_public=is_public
                )
            )

    def usage(self, **options: Any) -> dict[str, dict[str, Any]]:
        response = self.call('GET', '/os-pci-flavors/detail', **options)
        self.assertEqual(200, response.status_int, response.text)
        return {
            each['name']: each['usage']
            for each in response.json['pci_flavors']
        }

    def test_counts_devices_of_all_hosts(self) -> None:
        vfs = {'total': 4, 'available': 2, 'allocated': 2}
        self.assertEqual(
            {
                'card': {'total': 2, 'available': 1, 'allocated': 0},
                'intel': vfs,
                'mine': vfs,
                'none': {'total': 0, 'available': 0, 'allocated': 0},
            },
            self.usage(),
        )

    def test_counts_for_visible_pci_flavors_only(self) -> None:
        self.assertEqual(
            {'card', 'intel', 'none'},
            set(self.usage(context=self.context_of('reader'))),
        )

    def test_shows_the_same_usage_as_the_list(self) -> None:
        for name, expected in self.usage().items():
            response = self.call('GET', f'/os-pci-flavors/{name}')
            self.assertEqual(expected, response.json['pci_flavor']['usage'])

    def test_hides_names_of_hosts_and_cells(self) -> None:
        for path in ('detail', 'intel'):
            text = self.call('GET', f'/os-pci-flavors/{path}').text
            self.assertNotIn('host1', text)
            self.assertNotIn(self.cell_mappings['cell1'].uuid, text)

    def test_list_without_details_has_no_usage(self) -> None:
        for flavor in self.call('GET', '/os-pci-flavors').json['pci_flavors']:
            self.assertNotIn('usage', flavor)

    def test_hides_the_usage_from_users_without_its_policy(self) -> None:
        self.policy.set_rules(
            {
                policies.USAGE: 'role:admin',
                policies.SHOW: '',
                policies.DETAIL: '',
            },
            overwrite=False,
        )
        reader = self.context_of('reader')
        with base.statements('pci_devices') as statements:
            one = self.call('GET', '/os-pci-flavors/intel', context=reader)
            listed = self.call('GET', '/os-pci-flavors/detail', context=reader)
        self.assertEqual([], statements)
        for flavor in (one.json['pci_flavor'], *listed.json['pci_flavors']):
            self.assertNotIn('usage', flavor)
        self.assertEqual(4, self.usage()['intel']['total'])

    def test_unreachable_cell_makes_the_usage_partial(self) -> None:
        cell = self.cell_mappings['cell1']
        self.useFixture(
            base.BrokenCell(reader, 'pools_and_groups_in_cell', cell)
        )
        self.assertEqual(
            {'total': 1, 'available': 1, 'allocated': 0, 'partial': True},
            self.usage()['card'],
        )

    def test_sends_one_query_per_cell(self) -> None:
        with base.statements('pci_devices') as statements:
            self.usage()
        self.assertEqual(2, len(statements))

    def test_reads_equal_devices_in_one_row(self) -> None:
        rows: list[Any] = []
        original = cell_queries.device_groups

        def device_groups(*args: Any) -> Any:
            rows.extend(original(*args))
            return original(*args)

        self.stub_out(f'{cell_queries.__name__}.device_groups', device_groups)
        before = self.usage()['intel']
        expected = len(rows)
        for number in range(40):
            self.create_device(
                'cell1',
                self.host1,
                f'0000:02:{number // 8:02x}.{number % 8}',
                parent_addr='0000:01:00.0',
                **VF,
            )
        rows.clear()
        after = self.usage()['intel']
        self.assertEqual(expected, len(rows))
        self.assertEqual(
            [40, 40, 0], [after[key] - before[key] for key in before]
        )

    def create_numbered_vfs(self, number: int, **properties: str) -> None:
        """Create a host with VFs that differ in their capabilities.

        :param properties: further properties of its pool
        """
        vf = VF | {'vendor_id': '10de'}
        host = self.create_host(
            'cell2', 'numbered', {**vf, **properties, 'count': number}
        )
        for place in range(number):
            self.create_device(
                'cell2',
                host,
                f'0000:05:00.{place}',
                attributes={'capabilities': f'vf{place}', 'e.group': 'vf'},
                **vf,
            )

    def test_reads_numbered_vfs_in_one_row(self) -> None:
        self.create_numbered_vfs(5, **{'e.group': 'vf'})
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell2']
        ) as cell_context:
            _, groups = reader.pools_and_groups_in_cell(
                cell_context, 'numbered'
            )
        self.assertEqual(
            [(5, 'vf')],
            [(each.number, each.pool['e.group']) for each in groups],
        )

    def test_tells_numbered_vfs_apart_if_a_host_groups_by_it(self) -> None:
        self.create_numbered_vfs(2, **{'capabilities': 'vf0', 'e.group': 'vf'})
        db.create(
            pci_flavor.PciFlavor(name='vf0', specs={'capabilities': 'vf0'})
        )
        self.assertEqual(1, self.usage()['vf0']['total'])

    def test_counts_devices_by_attributes_that_differ_in_case(self) -> None:
        pools = [
            {**PF, 'vendor_id': '10de', 'e.group': group, 'count': count}
            for group, count in (('gpu', 1), ('GPU', 2))
        ]
        host = self.create_host('cell1', 'host3', *pools)
        for slot, group in enumerate(('gpu', 'GPU', 'GPU')):
            self.create_device(
                'cell1',
                host,
                f'0000:0{slot}:00.0',
                attributes={'e.group': group},
                **PF | {'vendor_id': '10de'},
            )
        db.create(
            pci_flavor.PciFlavor(
                name='upper',
                specs={'e.group': 'GPU', 'dev_type': 'type-PF'},
            )
        )
        self.assertEqual(2, self.usage()['upper']['total'])

    def test_counts_devices_of_a_host_that_groups_by_card(self) -> None:
        cards = ('0000:03:00.0', '0000:04:00.0')
        vf = VF | {'vendor_id': '15b3'}
        pools = [{**vf, 'address': card, 'count': 2} for card in cards]
        host = self.create_host('cell1', 'host3', *pools)
        for card in cards:
            for number in range(1, 3):
                self.create_device(
                    'cell1',
                    host,
                    card[:-1] + str(number),
                    parent_addr=card,
                    **vf,
                )
        response = self.call('GET', '/os-pci-pools?host=host3')
        self.assertEqual(
            [2, 2],
            [each['usage']['total'] for each in response.json['pci_pools']],
        )

    def test_counts_nothing_without_pci_flavors(self) -> None:
        self.assertEqual({}, capacity.count_flavors(self.context, []))
