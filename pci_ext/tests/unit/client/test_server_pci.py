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

DEVICE = {
    'dev_id': 'pci_0000_02_00_0',
    'address': '0000:02:00.0',
    'vendor_id': '8086',
    'product_id': '10c9',
}


class TestList(base.ShellTestCase):
    def set_devices(self, *devices):
        path = f'/servers/{uuids.server}'
        server = {'id': uuids.server, 'name': 'web'}
        self.api.responses[f'GET {path}'] = 200, {'server': server}
        self.api.responses[f'GET {path}/os-pci-devices'] = (
            200,
            {'pci_devices': list(devices)},
        )

    def set_names(self, *names):
        self.api.responses['GET /servers?name=web'] = (
            200,
            {
                'servers': [
                    {'id': getattr(uuids, name), 'name': 'web'}
                    for name in names
                ]
            },
        )

    def test_by_id(self):
        self.set_devices(DEVICE)
        self.assertEqual(
            [
                {
                    'Device ID': 'pci_0000_02_00_0',
                    'Address': '0000:02:00.0',
                    'Vendor ID': '8086',
                    'Product ID': '10c9',
                }
            ],
            self.json_of('server', 'pci', 'list', uuids.server),
        )

    def test_long(self):
        self.set_names('server')
        self.set_devices(
            {
                **DEVICE,
                'pci_flavor': 'NvGPU',
                'alternatives': ['IntelGPU', 'NvGPU'],
                'pci_name': '10GE',
                'status': 'allocated',
                'attached': 'hot',
                'state': 'attached',
                'last_error': None,
                'port_id': None,
                'failover_port_id': None,
            }
        )
        (shown,) = self.json_of('server', 'pci', 'list', '--long', 'web')
        self.assertEqual(
            {
                'Device ID': 'pci_0000_02_00_0',
                'Address': '0000:02:00.0',
                'Vendor ID': '8086',
                'Product ID': '10c9',
                'PCI Flavor': 'NvGPU',
                'Alternatives': ['IntelGPU', 'NvGPU'],
                'Name': '10GE',
                'Status': 'allocated',
                'Attached': 'hot',
                'State': 'attached',
                'Last Error': None,
                'Port ID': None,
                'Failover Port ID': None,
            },
            shown,
        )

    def test_keeps_the_order_of_alternatives(self):
        self.set_devices({**DEVICE, 'alternatives': ['b', 'a', 'c']})
        self.assertIn(
            ' b, a, c ',
            self.output_of('server', 'pci', 'list', '--long', uuids.server),
        )

    def test_lists_devices_without_their_addresses(self):
        self.set_devices({'vendor_id': '8086', 'product_id': '10c9'})
        (shown,) = self.json_of('server', 'pci', 'list', uuids.server)
        self.assertEqual(
            (None, '8086'), (shown['Address'], shown['Vendor ID'])
        )

    def test_by_name(self):
        self.set_names('server')
        self.set_devices(DEVICE)
        self.assertEqual(
            '0000:02:00.0\n',
            self.output_of(
                *('server', 'pci', 'list', 'web'),
                *('-f', 'value', '-c', 'Address'),
            ),
        )

    def test_no_devices(self):
        self.set_devices()
        self.assertEqual(
            [], self.json_of('server', 'pci', 'list', uuids.server)
        )

    def test_unknown_server(self):
        self.set_names()
        self.assertEqual(
            'No Server found for web\n',
            self.error_of('server', 'pci', 'list', 'web'),
        )

    def test_refuses_an_ambiguous_name(self):
        self.set_names('one', 'two')
        self.assertIn(
            "More than one Server exists with the name 'web'",
            self.error_of('server', 'pci', 'list', 'web'),
        )


class TestMigrationPlan(base.ShellTestCase):
    COMMAND = ('server', 'pci', 'migration', 'plan', uuids.server)

    def setUp(self):
        super().setUp()
        self.api.responses[f'GET /servers/{uuids.server}'] = (
            200,
            {'server': {'id': uuids.server, 'name': 'web'}},
        )

    def set_plan(self, query='', **values):
        plan = {
            'host': 'compute-1',
            'reason': None,
            'devices': [],
            'failover_ports': [],
            'hosts': [],
            **values,
        }
        path = f'/servers/{uuids.server}/os-pci-migration-plan{query}'
        self.api.responses[f'GET {path}'] = (200, {'pci_migration_plan': plan})

    def test_shows_devices_by_live_migration_policy(self):
        self.set_plan(
            reason='No.',
            devices=[
                {'address': address, 'live_migration': policy}
                for address, policy in (
                    ('0000:01:00.0', 'hotplug'),
                    ('0000:02:00.0', 'native'),
                    ('0000:03:00.0', 'forbid'),
                    ('0000:04:00.0', 'hotplug'),
                    ('0000:05:00.0', None),
                )
            ],
        )
        self.assertEqual(
            {
                'host': 'compute-1',
                'reason': 'No.',
                'detached': ['0000:01:00.0', '0000:04:00.0'],
                'migrated': ['0000:02:00.0'],
                'blocked_by': ['0000:03:00.0'],
                'failover_ports': [],
                'available': {},
            },
            self.json_of(*self.COMMAND),
        )

    def test_shows_failover_ports(self):
        self.set_plan(
            failover_ports=[
                {'port_id': uuids.standby, 'replaces': uuids.replaced},
                {'port_id': uuids.other, 'replaces': None},
            ]
        )
        self.assertEqual(
            [f'{uuids.standby} for {uuids.replaced}', uuids.other],
            self.json_of(*self.COMMAND)['failover_ports'],
        )

    def test_shows_available_devices(self):
        self.set_plan(
            '?host=compute-2',
            hosts=[
                {
                    'host': 'compute-2',
                    'fits': True,
                    'explanation': '',
                    'assignment': [
                        {'count': 2, 'pci_flavor': 'bigGPU'},
                        {'count': 1, 'pci_flavor': 'QuickAssist'},
                    ],
                },
                {
                    'host': 'compute-3',
                    'fits': False,
                    'explanation': 'bigGPU: found 0 of 1.',
                    'assignment': [],
                },
            ],
        )
        shown = self.json_of(*self.COMMAND, '--host', 'compute-2')
        self.assertEqual(
            {
                'compute-2': '2:bigGPU, 1:QuickAssist',
                'compute-3': 'bigGPU: found 0 of 1.',
            },
            shown['available'],
        )
