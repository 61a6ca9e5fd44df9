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


"""``--sort-column`` with every column of every list."""

from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.tests.unit.client import base
from pci_ext.tests.unit.client import test_pci_device
from pci_ext.tests.unit.client import test_pci_flavor
from pci_ext.tests.unit.client import test_pci_pool

FLAVOR = test_pci_flavor.FULL | {'usage': test_pci_flavor.USAGE}

#: Values that cannot be compared with those of another row.
OTHER = {
    'description': None,
    'numa_node': None,
    'server_uuid': None,
    'specs': {},
    'usage': {},
    'properties': {},
    'attributes': {},
    'pci_flavors': [],
}

SERVER_DEVICE = {
    'dev_id': 'one',
    'address': '0000:01:00.0',
    'vendor_id': '10de',
    'product_id': '20b0',
    'pci_flavor': 'gpu',
    'alternatives': ['gpu', 'nic'],
    'pci_name': None,
    'status': 'allocated',
    'attached': 'boot',
    'state': 'attached',
    'last_error': 'late',
    'port_id': None,
    'failover_port_id': None,
}

#: By command the path, and the body with two rows.
LISTS = {
    'pci attribute list': (
        '/os-pci-flavors/0',
        {'pci_flavor': {'specs': {'vendor_id': 'True', 'e.group': 'True'}}},
    ),
    'pci device list --long': (
        '/os-pci-devices',
        {
            'pci_devices': [
                test_pci_device.DEVICE,
                test_pci_device.DEVICE | OTHER,
            ],
            'cells_down': [],
        },
    ),
    'pci flavor list --long': (
        '/os-pci-flavors/detail',
        {'pci_flavors': [FLAVOR, FLAVOR | OTHER]},
    ),
    'pci flavor access list gpu': (
        '/os-pci-flavors/gpu/access',
        {'pci_flavor_access': [{'project_id': 'b'}, {'project_id': 'a'}]},
    ),
    'pci flavor limit list gpu': (
        '/os-pci-flavors/gpu/limits',
        {'pci_flavor_limits': {'default': 4, 'projects': {'a': -1}}},
    ),
    'pci limit list': (
        '/os-pci-limits',
        {
            'pci_limits': [
                {'pci_flavor': 'gpu', 'limit': -1, 'used': 2},
                {'pci_flavor': 'nic', 'limit': 4, 'used': 11},
            ]
        },
    ),
    'pci pool list --long': (
        '/os-pci-pools',
        {
            'pci_pools': [test_pci_pool.POOL, test_pci_pool.POOL | OTHER],
            'cells_down': [],
        },
    ),
    f'server pci list --long {uuids.server}': (
        f'/servers/{uuids.server}/os-pci-devices',
        {
            'pci_devices': [
                SERVER_DEVICE,
                SERVER_DEVICE | {'pci_flavor': None, 'last_error': None},
            ]
        },
    ),
}


class TestSortColumn(base.ShellTestCase):
    def test_each_list_has_all_rows(self):
        self.api.responses[f'GET /servers/{uuids.server}'] = (
            200,
            {'server': {'id': uuids.server, 'name': 'web'}},
        )
        self.api.responses['POST /os-pci-flavors/evaluate'] = (
            200,
            {
                'evaluation': {
                    'hosts': [
                        {'host': 'b', 'fits': True, 'explanation': 'fits'},
                        {'host': 'a', 'fits': False, 'explanation': 'not'},
                    ],
                    'cells_down': [],
                }
            },
        )
        for path, body in LISTS.values():
            self.api.responses[f'GET {path}'] = (200, body)
        for command in (*LISTS, 'pci evaluate gpu'):
            (row, _) = self.json_of(*command.split())
            # The list is sorted by one column after the other.
            options = [f'--sort-column={column}' for column in row]
            sorted_rows = self.json_of(*command.split(), *options)
            self.assertEqual(2, len(sorted_rows), command)
