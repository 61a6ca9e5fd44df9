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
"""A cloud with more hosts than Placement returns."""

from pci_ext.tests.functional import base


class TestManyHosts(base.TestCase):
    """Ten hosts, the last with four devices; Placement returns three."""

    CONFIG = """
[DEFAULT]
update_resources_interval = 1
periodic_fuzzy_delay = 0

[scheduler]
max_placement_results = 3

[pci_ext]
pci_information = [{"vendor_id": "10de"}, {}]
"""
    HOSTS = {
        **{f'host-{number}': [] for number in range(1, 10)},
        'host-10': [
            {
                'kind': 'gpu',
                'vendor_id': '10de',
                'product_id': '20b0',
                'address': [f'0000:0{bus}:00.0' for bus in range(1, 5)],
            }
        ],
    }

    def setUp(self) -> None:
        super().setUp()
        self.create_pci_flavor('gpu', vendor_id='10de')
        self.wait_until(
            lambda: (
                self.cloud.query(
                    'SELECT count(*) FROM compute_nodes '
                    "WHERE stats LIKE '%pci_ext_own_aggregate%'"
                )
                == [(10,)]
            )
        )

    def test_all_devices_are_found(self) -> None:
        servers = [self.boot('1:gpu') for _ in range(4)]
        self.assertEqual(
            ['host-10'] * 4, [self.host_of(server) for server in servers]
        )
        self.assertNoHost('1:gpu')
        self.delete_and_free(servers[0])
        self.assertEqual('host-10', self.host_of(self.boot('1:gpu')))
