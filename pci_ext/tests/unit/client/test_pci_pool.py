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

from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.tests.unit.client import base

POOL = {
    'uuid': uuids.pool,
    'host': 'host1',
    'properties': {'vendor_id': '10de'},
    'count': 3,
    'usage': {'total': 5, 'available': 3, 'allocated': 2},
    'pci_flavors': ['gpu'],
}

SHORT = {
    'Host': 'host1',
    'Properties': {'vendor_id': '10de'},
    'Free': 3,
    'PCI Flavors': ['gpu'],
}


class TestList(base.ShellTestCase):
    def test_list(self):
        self.api.responses['GET /os-pci-pools'] = (
            200,
            {'pci_pools': [POOL], 'cells_down': []},
        )
        self.assertEqual([SHORT], self.json_of('pci', 'pool', 'list'))
        self.assertEqual(
            [SHORT | {'ID': uuids.pool, 'Usage': POOL['usage']}],
            self.json_of('pci', 'pool', 'list', '--long'),
        )

    def test_sends_filters_sort_keys_and_limit(self):
        self.api.responses[
            'GET /os-pci-pools?host=host1&sort_key=count&sort_dir=desc&limit=1'
        ] = (200, {'pci_pools': [POOL], 'cells_down': []})
        self.assertEqual(
            [SHORT],
            self.json_of(
                *('pci', 'pool', 'list', '--host', 'host1'),
                *('--sort', 'count:desc', '--limit', '1'),
            ),
        )

    def test_refuses_the_option_status(self):
        self.assertIn(
            'unrecognized arguments',
            self.error_of('pci', 'pool', 'list', '--status', 'available'),
        )
