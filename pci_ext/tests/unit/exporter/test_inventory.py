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

"""The metrics of devices."""

from pci_ext.tests.unit.exporter import base


class InventoryTestCase(base.ExporterTestCase):
    def test_counts_by_flavor_and_status(self):
        self.cloud.flavors = [
            {'name': 'gpu', 'uuid': '1', 'usage': base.usage(9, 4, 3)},
            {'name': 'hidden', 'uuid': '2'},
        ]
        self.assertEqual(
            {
                ('gpu', 'available'): 4,
                ('gpu', 'allocated'): 3,
                ('gpu', 'unavailable'): 2,
            },
            self.values('pci_ext_flavor_devices', 'pci_flavor', 'status'),
        )

    def test_counts_by_pool(self):
        self.cloud.pools = [
            base.pool('host-1', 'a', 8, 8),
            base.pool('host-1', 'b', 4, 1),
        ]
        found = self.values('pci_ext_pool_devices', 'host', 'pool', 'status')
        self.assertEqual(6, len(found))
        self.assertEqual(8, found['host-1', 'a', 'available'])
        self.assertEqual(1, found['host-1', 'b', 'available'])
        self.assertEqual(3, found['host-1', 'b', 'allocated'])

    def test_adds_the_pools_of_a_host_that_match_a_flavor(self):
        self.cloud.pools = [
            base.pool('host-1', 'a', 8, 6, ['gpu', 'any']),
            base.pool('host-1', 'b', 4, 1, ['any']),
            base.pool('host-2', 'c', 2, 2, ['any']),
        ]
        found = self.values(
            'pci_ext_host_devices', 'host', 'pci_flavor', 'status'
        )
        self.assertEqual(9, len(found))
        self.assertEqual(6, found['host-1', 'gpu', 'available'])
        self.assertEqual(7, found['host-1', 'any', 'available'])
        self.assertEqual(5, found['host-1', 'any', 'allocated'])
        self.assertEqual(2, found['host-2', 'any', 'available'])

    def test_describes_pools(self):
        self.cloud.pools = [
            base.pool(
                'host-1',
                'a',
                8,
                8,
                vendor_id='8086',
                product_id='10ca',
                **{'e.rack': '7', 'e.group': 'nic'},
            )
        ]
        self.assertEqual(
            {('host-1', 'a', '8086', '10ca', '', 'e.group=nic,e.rack=7'): 1},
            self.values(
                'pci_ext_pool_info',
                'host',
                'pool',
                'vendor_id',
                'product_id',
                'numa_node',
                'attributes',
            ),
        )

    def test_reads_all_pages(self):
        self.cloud.page_size = 2
        self.cloud.pools = [
            base.pool(f'host-{number}', str(number), 1, 1)
            for number in range(5)
        ]
        self.assertEqual(
            5, len(self.values('pci_ext_pool_info', 'host', 'pool'))
        )
        self.assertEqual(3, self.cloud.paths().count('os-pci-pools'))

    def test_tells_of_cells_that_do_not_answer(self):
        self.assertEqual({(): 0}, self.values('pci_ext_cells_down'))
        self.cloud.cells_down = ['cell-1']
        self.assertEqual({(): 1}, self.values('pci_ext_cells_down'))

    def test_reads_100000_devices_by_their_counts(self):
        self.cloud.flavors = [
            {
                'name': 'nic',
                'uuid': '1',
                'usage': base.usage(100_000, 60_000, 40_000),
            }
        ]
        self.cloud.pools = [
            base.pool(f'host-{number // 2}', str(number), 50, 30, ['nic'])
            for number in range(2000)
        ]
        families = self.scrape()
        devices = base.values_in(families, 'pci_ext_pool_devices', 'status')
        self.assertEqual({30, 20, 0}, set(devices.values()))
        self.assertEqual(
            100_000,
            sum(
                sample.value
                for sample in families['pci_ext_host_devices'].samples
            ),
        )
        # Two full pages and an empty one of pools; a request each for PCI
        # flavors, hosts, migrations and projects.
        self.assertEqual(7, len(self.cloud.requests))


class HostsTestCase(base.ExporterTestCase):
    def test_has_the_time_of_the_last_report(self):
        self.cloud.services = [
            base.host_service('host-1', '2026-11-01T00:00:10.000000'),
            base.host_service('host-2', '2026-11-01T00:00:10Z'),
            base.host_service('new', None),
        ]
        self.assertEqual(
            {('host-1',): 1793491210, ('host-2',): 1793491210},
            self.values('pci_ext_host_last_report_timestamp_seconds', 'host'),
        )

    def test_tells_whether_a_host_is_enabled(self):
        self.cloud.services = [
            base.host_service('host-1', None),
            base.host_service('host-2', None, status='disabled'),
        ]
        self.assertEqual(
            {('host-1',): 1, ('host-2',): 0},
            self.values('pci_ext_host_enabled', 'host'),
        )

    def test_asks_for_hosts_only(self):
        self.scrape()
        self.assertIn(
            ('os-services', {'binary': 'nova-compute'}), self.cloud.requests
        )
