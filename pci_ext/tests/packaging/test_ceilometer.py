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

"""The file for Ceilometer, run by its code."""

import json
from unittest import mock

from ceilometer.polling import dynamic_pollster
from oslotest import base as oslotest_base
import yaml

from pci_ext.tests.packaging import base

URL = 'https://cloud/compute/v2.1'
POLLSTERS = base.ROOT / 'etc/pci_ext/ceilometer/pci-ext-pollsters.yaml'


def device(address: str) -> dict[str, str]:
    return {
        'address': address,
        'dev_id': f'pci_{address}',
        'vendor_id': '10de',
        'product_id': '20b0',
    }


def server(uuid: str, project: str, *addresses: str) -> dict[str, object]:
    found: dict[str, object] = {
        'id': uuid,
        'tenant_id': project,
        'user_id': 'user',
    }
    # As the API shows a server without devices.
    if addresses:
        found['pci_devices'] = [device(address) for address in addresses]
    return found


ANSWERS = {
    '/servers/detail?all_tenants=true': {
        'servers': [
            server('web', 'demo', '0000:3b:00.0', '0000:5e:00.0'),
            server('plain', 'demo'),
        ],
        'servers_links': [
            {'rel': 'next', 'href': f'{URL}/servers/detail?marker=plain'}
        ],
    },
    '/servers/detail?marker=plain': {
        'servers': [server('db', 'research', '0000:3b:00.0')]
    },
    '/servers/web/os-pci-devices': {
        'pci_devices': [
            {**device('0000:3b:00.0'), 'pci_flavor': 'gpu'},
            {**device('0000:5e:00.0'), 'pci_flavor': 'nic'},
        ]
    },
    # By alias.
    '/servers/db/os-pci-devices': {
        'pci_devices': [{**device('0000:3b:00.0'), 'pci_flavor': None}]
    },
}


class PollsterTestCase(oslotest_base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.requests: list[str] = []
        manager = mock.Mock()
        manager._keystone.session.get = self.get
        manager.discover.return_value = [URL]
        [definition] = yaml.safe_load(POLLSTERS.read_text())
        pollster = dynamic_pollster.DynamicPollster(definition, mock.Mock())
        self.samples = list(pollster.get_samples(manager, {}, [URL]))

    def get(self, url: str, **arguments: object) -> mock.Mock:
        path = url.removeprefix(URL)
        self.requests.append(path)
        return mock.Mock(status_code=200, text=json.dumps(ANSWERS[path]))

    def test_has_a_sample_for_each_device(self) -> None:
        self.assertEqual(
            [
                ('demo', 'web_0000:3b:00.0', 1),
                ('demo', 'web_0000:5e:00.0', 1),
                ('research', 'db_0000:3b:00.0', 1),
            ],
            [
                (sample.project_id, sample.resource_id, sample.volume)
                for sample in self.samples
            ],
        )

    def test_has_the_pci_flavor_of_each_device(self) -> None:
        self.assertEqual(
            ['gpu', 'nic', None],
            [
                sample.resource_metadata['pci_flavor']
                for sample in self.samples
            ],
        )

    def test_asks_once_for_each_server_with_devices(self) -> None:
        self.assertEqual(sorted(ANSWERS), sorted(self.requests))
