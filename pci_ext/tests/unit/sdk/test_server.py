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

from openstack import exceptions
from openstack.compute.v2 import server
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.tests import fake_compute
from pci_ext.tests.unit.sdk import base

DEVICE = {
    'dev_id': 'pci_0000_02_00_0',
    'address': '0000:02:00.0',
    'vendor_id': '10de',
    'product_id': '1db4',
    'pci_flavor': 'bigGPU',
    'alternatives': ['smallGPU', 'bigGPU'],
    'pci_name': None,
    'status': 'allocated',
    'attached': 'hot',
    'state': 'attached',
    'last_error': None,
    'port_id': None,
    'failover_port_id': None,
}
PATH = f'/servers/{uuids.server}'
ACTION = f'{PATH}/os-instance-actions/{fake_compute.REQUEST_ID}'


class ServerTestCase(base.ConnectionTestCase):
    def setUp(self):
        super().setUp()
        self.answer(f'POST {PATH}/action', '', 202)

    def devices(self):
        self.answer(f'GET {PATH}/os-pci-devices', {'pci_devices': [DEVICE]})
        return list(self.conn.pci.server_devices(uuids.server))


class TestServer(ServerTestCase):
    def test_devices_have_all_fields(self):
        [device] = self.devices()
        self.assertEqual(DEVICE['dev_id'], device.id)
        for name, value in DEVICE.items():
            self.assertEqual(value, getattr(device, name))

    def test_migration_plan(self):
        path = f'GET {PATH}/os-pci-migration-plan'
        plan = {'host': 'host-1', 'reason': 'none', 'hosts': []}
        for query in ('', '?host=host-2'):
            self.answer(f'{path}{query}', {'pci_migration_plan': plan})
        for host in (None, 'host-2'):
            shown = self.conn.pci.get_server_migration_plan(uuids.server, host)
            self.assertEqual('none', shown.reason)
        self.assertRequests(path, f'{path}?host=host-2')

    def test_attaches(self):
        found = server.Server.existing(id=uuids.server)
        for arguments, body in (
            (('1:bigGPU',), {'pci_flavor': '1:bigGPU'}),
            (((), {'alias': 'a1:1', 'name': '10GE'})),
        ):
            options = body if not arguments else {}
            action = self.conn.pci.attach_devices(found, *arguments, **options)
            self.assertEqual(fake_compute.REQUEST_ID, action.id)
        self.assertRequests(
            (
                f'POST {PATH}/action',
                {'attach_pci': {'pci_passthrough:pci_flavor': '1:bigGPU'}},
            ),
            (
                f'POST {PATH}/action',
                {
                    'attach_pci': {
                        'pci_passthrough:alias': 'a1:1',
                        'pci_passthrough:pci_name': '10GE',
                    }
                },
            ),
        )

    def test_detaches(self):
        devices = self.devices()
        self.api.requests.clear()
        self.conn.pci.detach_devices(uuids.server, [*devices, 'pci_1'])
        self.assertRequests(
            (
                f'POST {PATH}/action',
                {
                    'detach_pci': [
                        {'dev_id': 'pci_0000_02_00_0'},
                        {'dev_id': 'pci_1'},
                    ]
                },
            )
        )

    def test_reattaches(self):
        self.conn.pci.reattach_devices(uuids.server)
        self.assertRequests((f'POST {PATH}/action', {'reattach_pci': None}))

    def test_raises_the_message(self):
        self.answer(
            f'POST {PATH}/action',
            {'conflictingRequest': {'message': 'is locked', 'code': 409}},
            409,
        )
        error = self.assertRaises(
            exceptions.ConflictException,
            self.conn.pci.reattach_devices,
            uuids.server,
        )
        self.assertIn('is locked', str(error))


class TestWait(ServerTestCase):
    def wait(self, *events, **options):
        self.answer(
            f'GET {ACTION}',
            {
                'instanceAction': {
                    'action': 'attach_pci',
                    'request_id': fake_compute.REQUEST_ID,
                    'events': events,
                }
            },
        )
        action = self.conn.pci.attach_devices(uuids.server, '1:bigGPU')
        return self.conn.pci.wait_for_action(action, **options)

    @staticmethod
    def event(result, **more):
        return {'finish_time': result and '2026', 'result': result, **more}

    def test_success(self):
        action = self.wait(self.event('Success'))
        self.assertEqual('attach_pci', action.action)
        self.assertEqual('compute 2.84', self.api.versions[-1])

    def test_failure_has_the_reason(self):
        error = self.assertRaises(
            exceptions.ResourceFailure,
            self.wait,
            self.event('Error', details='no root port'),
        )
        self.assertIn('no root port', str(error))
        self.assertIn(fake_compute.REQUEST_ID, str(error))

    def test_failure_whose_reason_is_not_shown(self):
        error = self.assertRaises(
            exceptions.ResourceFailure, self.wait, self.event('Error')
        )
        self.assertIn('an administrator can see why', str(error))

    def test_timeout(self):
        for events in ((), (self.event(None),)):
            self.assertRaises(
                exceptions.ResourceTimeout,
                self.wait,
                *events,
                interval=0.01,
                wait=0.05,
            )
