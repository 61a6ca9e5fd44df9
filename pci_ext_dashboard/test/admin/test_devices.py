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

from django.urls import reverse

from pci_ext_dashboard.admin.devices import host_tree
from pci_ext_dashboard.test import base
from pci_ext_dashboard.test import fake_api

INDEX = reverse('horizon:admin:pci_devices:index')
HOST = reverse('horizon:admin:pci_devices:host', args=['compute-1'])
PLAN = reverse('horizon:admin:pci_devices:migration_plan', args=['1'])
SERVER_ID = '5c1a7b0e-3f6d-4b8a-9a52-0d6e8c1f2b34'


def make_devices() -> list[fake_api.Json]:
    """Return a GPU in use, and a card with virtual functions."""
    return [
        fake_api.make_device(
            'compute-1',
            '0000:3b:00.0',
            status='allocated',
            server_uuid=SERVER_ID,
            attributes={'e.group': 'gpu'},
            pci_flavors=['bigGPU'],
        ),
        fake_api.make_device(
            'compute-1',
            '0000:81:00.0',
            dev_type='type-PF',
            numa_node=1,
            status='unavailable',
        ),
        *(
            fake_api.make_device(
                'compute-1',
                f'0000:81:02.{number}',
                dev_type='type-VF',
                numa_node=1,
                parent_addr='0000:81:00.0',
                withdrawn=number == 1,
            )
            for number in range(2)
        ),
        fake_api.make_device('compute-2', '0000:5e:00.0', numa_node=None),
    ]


class DevicesTestCase(base.DashboardTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in_as('admin')
        self.api.devices = make_devices()


class IndexTestCase(DevicesTestCase):
    def test_lists_the_devices_by_one_request(self) -> None:
        response = self.client.get(INDEX)
        self.assert_shows(
            response,
            'compute-1 0000:3b:00.0 10de 20b0 type-PCI 0 e.group=gpu bigGPU '
            f'In Use - {SERVER_ID}',
            'compute-1 0000:81:00.0 10de 20b0 type-PF 1 - - Unavailable - -',
            '0000:81:02.1 10de 20b0 type-VF 1 - - Free Yes -',
            'compute-2',
        )
        self.assert_nothing_refused()
        self.assertEqual(1, len(self.api.calls))

    def test_lists_a_page(self) -> None:
        with self.settings(API_RESULT_PAGE_SIZE=2):
            marker = self.api.devices[1]['uuid']
            response = self.client.get(f'{INDEX}?pci_device_marker={marker}')
        self.assert_shows(response, '0000:81:02.0', '0000:81:02.1', 'Next »')
        self.assert_shows_none(response, '0000:81:00.0', 'compute-2')

    def test_filters_by_the_api(self) -> None:
        filtered = {
            'pci_devices__filter__q': 'compute-2',
            'pci_devices__filter__q_field': 'host',
        }
        response = self.client.post(INDEX, filtered)
        self.assertRedirectsNoFollow(response, INDEX)
        response = self.client.get(INDEX)
        self.assert_shows(response, '0000:5e:00.0')
        self.assert_shows_none(response, '0000:3b:00.0')
        self.assertEqual('compute-2', self.api.calls[-1].get('host'))

    def test_others_see_no_page(self) -> None:
        for role in ('reader', 'member'):
            self.log_in_as(role)
            for page in (INDEX, HOST, PLAN):
                response = self.client.get(page)
                self.assertEqual(403, response.status_code, page)
        self.assertEqual([], self.api.calls)


class HostTestCase(DevicesTestCase):
    def test_draws_the_devices_of_a_host(self) -> None:
        response = self.client.get(HOST)
        self.assert_shows(
            response,
            *('Devices of compute-1', 'Free', 'In Use', 'Withdrawn'),
            *('NUMA node 0', '0000:3b:00', '0000:3b:00.0 10de:20b0 In Use'),
            f'bigGPU Server {SERVER_ID}',
            *('NUMA node 1', '0000:81:00', '0000:81:00.0', 'Unavailable'),
            *('0000:81:02.0', 'Free', '0000:81:02.1', 'Free withdrawn'),
        )
        self.assert_shows_none(response, '0000:5e:00.0')
        self.assertEqual(
            2,
            len(
                base.find(
                    response,
                    '//li[@class="pci-card"]//ul//ul'
                    '//span[contains(@class, "pci-available")]',
                )
            ),
        )
        self.assertEqual(1, len(self.api.calls))

    def test_host_without_devices(self) -> None:
        self.api.devices = []
        self.assert_shows(
            self.client.get(HOST), 'The host has no devices on record.'
        )


class HostTreeTestCase(base.DashboardTestCase):
    def test_arranges_functions_below_their_cards_and_nodes(self) -> None:
        nodes = host_tree.build(
            [
                fake_api.make_device('a', '0000:5e:00.0', numa_node=None),
                fake_api.make_device('a', '0000:3b:00.1', numa_node=1),
                fake_api.make_device('a', '0000:3b:00.0', numa_node=1),
                fake_api.make_device('a', '0000:1a:00.0', numa_node=0),
            ]
        )
        self.assertEqual(
            [
                (0, [('0000:1a:00', ['0000:1a:00.0'])]),
                (1, [('0000:3b:00', ['0000:3b:00.0', '0000:3b:00.1'])]),
                (None, [('0000:5e:00', ['0000:5e:00.0'])]),
            ],
            [
                (
                    node.number,
                    [
                        (
                            card.address,
                            [function.address for function in card.functions],
                        )
                        for card in node.cards
                    ],
                )
                for node in nodes
            ],
        )

    def test_physical_function_may_not_be_offered(self) -> None:
        [node] = host_tree.build(
            [
                fake_api.make_device(
                    'a', '0000:81:02.0', parent_addr='0000:81:00.0'
                )
            ]
        )
        [card] = node.cards
        [function] = card.functions
        self.assertIsNone(function.device)
        self.assertEqual('0000:81:00.0', function.address)
        self.assertEqual(1, len(function.virtual))


class MigrationPlanTestCase(DevicesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.plan = {
            'host': 'compute-1',
            'reason': None,
            'devices': [
                {
                    'address': '0000:3b:00.0',
                    'dev_id': 'pci_0000_3b_00_0',
                    'pci_flavor': 'bigGPU',
                    'live_migration': 'hotplug',
                }
            ],
            'failover_ports': [],
            'hosts': [
                {
                    'host': host,
                    'fits': False,
                    'explanation': 'The host does not fit.',
                    'assignment': [],
                    'requests': [],
                }
                for host in ('compute-2', 'compute-3')
            ],
        }

    def test_shows_the_plan(self) -> None:
        self.assert_shows(
            self.client.get(PLAN),
            'The devices of the server allow a live migration.',
            *('0000:3b:00.0', 'bigGPU', 'hotplug'),
            'No The host does not fit. compute-2, compute-3',
        )
        self.assert_nothing_refused()

    def test_shows_the_reason_against_a_migration(self) -> None:
        self.api.plan['reason'] = 'PCI devices forbid it.'
        response = self.client.get(PLAN)
        self.assert_shows(response, 'PCI devices forbid it.')
        self.assert_shows_none(response, 'allow a live migration')
