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

"""Many servers that compete for the same devices at once."""

import concurrent.futures

from pci_ext.tests.functional import base

SERVERS = 20
DEVICES = 16


def _gpus(count: int) -> list[base.Card]:
    return [
        {
            'kind': 'gpu',
            'vendor_id': '10de',
            'product_id': '20b0',
            'address': [f'0000:{bus:02x}:00.0' for bus in range(count)],
        }
    ]


class TestManyServers(base.TestCase):
    HOSTS = {'host-1': _gpus(6), 'host-2': _gpus(6), 'host-3': _gpus(4)}

    def test_allocates_each_device_once(self) -> None:
        self.create_pci_flavor('gpu', vendor_id='10de')
        flavor = self.openstack('flavor', 'show', self.create_flavor('1:gpu'))
        image = self.openstack('image', 'show', 'tiny')

        def create(number: int) -> str:
            body = {
                'name': f'server-{number}',
                'flavorRef': flavor['id'],
                'imageRef': image['id'],
                'networks': 'none',
            }
            response = self.request('POST', '/servers', {'server': body})
            return str(response.json()['server']['id'])

        with concurrent.futures.ThreadPoolExecutor(SERVERS) as pool:
            servers = list(pool.map(create, range(SERVERS)))
        for server in servers:
            self.addCleanup(self.delete_server, server)

        statuses = [self.wait_while_building(server) for server in servers]
        self.assertEqual(DEVICES, statuses.count('ACTIVE'), statuses)
        self.assertEqual(SERVERS - DEVICES, statuses.count('ERROR'))
        self.assertEqual(
            {
                server
                for server, status in zip(servers, statuses, strict=True)
                if status == 'ACTIVE'
            },
            self._owners(),
        )

    def _owners(self) -> set[str]:
        """Return the servers that have a device in Nova's database."""
        rows = self.cloud.query(
            'SELECT instance_uuid, count(*) FROM pci_devices '
            "WHERE status = 'allocated' GROUP BY instance_uuid"
        )
        self.assertEqual({1}, {count for _, count in rows})
        self.assertEqual(DEVICES, len(rows))
        return {server for server, _ in rows}
