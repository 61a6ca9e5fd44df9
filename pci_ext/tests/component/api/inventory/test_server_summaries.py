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

from nova import context
from nova.db.main import api as db_api

from pci_ext.api.inventory import server_summaries
from pci_ext.tests.component.api import base


class GetByServersTestCase(base.CellsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.host1 = self.create_host('cell1', 'host1')
        self.host2 = self.create_host('cell2', 'host2')

    def addresses(self, *uuids: str) -> dict[str, list[str]]:
        return {
            uuid: [device['address'] for device in found]
            for uuid, found in server_summaries.read_devices(
                self.context, uuids
            ).items()
        }

    def test_returns_all_fields(self) -> None:
        server = self.create_server('cell1', 'server', self.host1)
        self.create_device('cell1', self.host1, '0000:02:00.0', server)
        self.assertEqual(
            {
                server: [
                    {
                        'dev_id': 'pci_0000_02_00_0',
                        'address': '0000:02:00.0',
                        'vendor_id': '8086',
                        'product_id': '10c9',
                    }
                ]
            },
            server_summaries.read_devices(self.context, [server]),
        )

    def test_returns_devices_of_each_server_by_address(self) -> None:
        one = self.create_server('cell1', 'one', self.host1)
        two = self.create_server('cell2', 'two', self.host2)
        none = self.create_server('cell2', 'none', self.host2)
        self.create_device('cell1', self.host1, '0000:02:00.1', one)
        self.create_device('cell1', self.host1, '0000:02:00.0', one)
        self.create_device('cell1', self.host1, '0000:03:00.0')
        self.create_device('cell2', self.host2, '0000:02:00.0', two)
        self.assertEqual(
            {
                one: ['0000:02:00.0', '0000:02:00.1'],
                two: ['0000:02:00.0'],
                none: [],
            },
            self.addresses(one, two, none),
        )

    def test_returns_requested_servers_only(self) -> None:
        one = self.create_server('cell1', 'one', self.host1)
        two = self.create_server('cell1', 'two', self.host1)
        self.create_device('cell1', self.host1, '0000:02:00.0', two)
        self.assertEqual({one: []}, self.addresses(one))

    def test_server_without_a_cell_has_no_devices(self) -> None:
        server = self.create_server(None, 'server')
        self.assertEqual({server: []}, self.addresses(server))

    def test_accepts_no_servers(self) -> None:
        self.assertEqual({}, self.addresses())

    def test_resize_shows_devices_of_one_host(self) -> None:
        other = self.create_host('cell1', 'other')
        server = self.create_server('cell1', 'server', other)
        self.create_device('cell1', self.host1, '0000:02:00.0', server)
        self.create_device('cell1', other, '0000:07:00.0', server)
        self.assertEqual({server: ['0000:07:00.0']}, self.addresses(server))

    def test_excludes_other_hosts_with_the_same_hypervisor_name(self) -> None:
        other = self.create_host('cell1', 'other', hypervisor_hostname='host1')
        server = self.create_server('cell1', 'server', other)
        self.create_device('cell1', self.host1, '0000:02:00.0', server)
        self.create_device('cell1', other, '0000:07:00.0', server)
        self.assertEqual({server: ['0000:07:00.0']}, self.addresses(server))

    def test_excludes_servers_of_an_unreachable_cell(self) -> None:
        one = self.create_server('cell1', 'one', self.host1)
        two = self.create_server('cell2', 'two', self.host2)
        self.create_device('cell2', self.host2, '0000:02:00.0', two)
        self.useFixture(
            base.BrokenCell(
                server_summaries,
                '_devices_in_cell',
                self.cell_mappings['cell1'],
            )
        )
        self.assertEqual({two: ['0000:02:00.0']}, self.addresses(one, two))

    def test_excludes_deleted_devices(self) -> None:
        server = self.create_server('cell1', 'server', self.host1)
        self.create_device('cell1', self.host1, '0000:02:00.0', server)
        with context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            db_api.pci_device_destroy(
                cell_context, self.host1.id, '0000:02:00.0'
            )
        self.assertEqual({server: []}, self.addresses(server))

    def test_reads_a_host_that_was_created_again(self) -> None:
        server = self.create_server('cell1', 'server', self.host1)
        self.create_device('cell1', self.host1, '0000:02:00.0', server)
        self.host1.destroy()
        recreated = self.create_host('cell1', 'host1')
        self.create_device('cell1', recreated, '0000:02:00.0', server)
        self.assertEqual({server: ['0000:02:00.0']}, self.addresses(server))

    def test_sends_one_query_per_cell(self) -> None:
        servers = [
            self.create_server(f'cell{1 + number % 2}', f'server{number}')
            for number in range(6)
        ]
        with base.statements('pci_devices') as statements:
            self.addresses(*servers)
        self.assertEqual(2, len(statements))
