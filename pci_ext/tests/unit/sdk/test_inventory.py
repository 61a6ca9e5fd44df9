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

from pci_ext.tests.unit.client import test_pci_device
from pci_ext.tests.unit.sdk import base

POOL = {
    'uuid': uuids.pool,
    'host': 'host1',
    'properties': {'vendor_id': '10de'},
    'count': 2,
    'usage': {'total': 2, 'available': 2, 'allocated': 0},
    'pci_flavors': ['bigGPU'],
}


class TestInventory(base.ConnectionTestCase):
    def test_pool_has_all_fields(self):
        self.answer('GET /os-pci-pools', {'pci_pools': [POOL]})
        [pool] = self.conn.pci.pools()
        self.assertEqual(uuids.pool, pool.id)
        for name in POOL.keys() - {'uuid'}:
            self.assertEqual(POOL[name], getattr(pool, name))

    def test_device_has_all_fields(self):
        expected = test_pci_device.DEVICE
        self.answer(
            f'GET /os-pci-devices/{uuids.device}', {'pci_device': expected}
        )
        device = self.conn.pci.get_device(uuids.device)
        self.assertEqual(uuids.device, device.id)
        self.assertEqual(uuids.server, device.server_id)
        self.assertIs(False, device.is_withdrawn)
        for name in expected.keys() - {
            'uuid',
            'server_uuid',
            'withdrawn',
            'links',
        }:
            self.assertEqual(expected[name], getattr(device, name))

    def test_sends_patterns_of_any_attribute(self):
        query = (
            'flavor=bigGPU&sort_key=host&sort_key=address&vendor_id=10..'
            f'&server_uuid={uuids.server}'
        )
        other = {**test_pci_device.DEVICE, 'uuid': uuids.other}
        path = f'{self.api.endpoint}/os-pci-devices'
        self.answer(
            f'GET /os-pci-devices?e.group=a%26b&{query}',
            {
                'pci_devices': [test_pci_device.DEVICE],
                'pci_devices_links': [
                    {'rel': 'next', 'href': f'{path}?e.group=a%26b&marker=m'}
                ],
            },
        )
        self.answer(
            f'GET /os-pci-devices?e.group=a%26b&{query}&marker=m',
            {'pci_devices': [other]},
        )
        devices = self.conn.pci.devices(
            **{'e.group': 'a&b'},
            vendor_id='10..',
            flavor='bigGPU',
            sort_key=['host', 'address'],
            server_id=uuids.server,
        )
        self.assertEqual(
            [uuids.device, uuids.other], [each.id for each in devices]
        )
