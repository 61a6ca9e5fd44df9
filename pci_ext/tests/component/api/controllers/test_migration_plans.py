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

from typing import Any

import fixtures
from nova import context as nova_context
from nova import objects
from nova.network import model as network_model
import webob

from pci_ext.tests.component.api import test_live_migration_check

INTEL = test_live_migration_check.INTEL
NVIDIA = test_live_migration_check.NVIDIA


class MigrationPlansTestCase(test_live_migration_check.ServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        pool = {**NVIDIA, 'dev_type': 'type-PCI', 'count': 1}
        self.create_host('cell1', 'host2', pool)
        self.create_host('cell1', 'host3')
        self.create_host('cell2', 'host4', pool)

    def request_plan(self, query: str = '') -> webob.Response:
        path = f'/servers/{self.server}/os-pci-migration-plan{query}'
        return self.call('GET', path, version='2.1, pci 1.0')

    def plan(self, query: str = '') -> dict[str, Any]:
        response = self.request_plan(query)
        self.assertEqual(200, response.status_int, response.text)
        return dict(response.json['pci_migration_plan'])

    def assertRefused(self, status: int, text: str, host: str) -> None:
        response = self.request_plan(f'?host={host}')
        self.assertEqual(status, response.status_int, response.text)
        self.assertIn(text, response.text)

    def test_shows_the_policy_of_each_device(self) -> None:
        self.add_device(NVIDIA, test_live_migration_check.HOTPLUG)
        self.add_device(INTEL, test_live_migration_check.FORBID)
        plan = self.plan()
        self.assertEqual(
            [('0000:00:00.0', 'hotplug'), ('0000:01:00.0', 'forbid')],
            [
                (device['address'], device['live_migration'])
                for device in plan['devices']
            ],
        )
        self.assertIn('IntelGPU', plan['reason'])
        self.assertEqual('host1', plan['host'])

    def test_shows_the_fit_of_each_host(self) -> None:
        self.add_device(NVIDIA, test_live_migration_check.HOTPLUG)
        plan = self.plan()
        self.assertIsNone(plan['reason'])
        self.assertEqual(
            [('host2', True), ('host3', False)],
            [(host['host'], host['fits']) for host in plan['hosts']],
        )
        [assigned] = plan['hosts'][0]['assignment']
        self.assertEqual('NvGPU', assigned['pci_flavor'])
        self.assertIn('none on the host', plan['hosts'][1]['explanation'])

    def test_shows_only_the_requested_host(self) -> None:
        self.add_device(NVIDIA, test_live_migration_check.HOTPLUG)
        [found] = self.plan('?host=host3')['hosts']
        self.assertEqual('host3', found['host'])

    def test_refuses_an_invalid_destination(self) -> None:
        self.add_device(NVIDIA, test_live_migration_check.HOTPLUG)
        for host in 'host4', 'host5':
            self.assertRefused(
                400, f'Compute host {host} could not be found.', host
            )
        self.assertRefused(400, 'to current host (host1)', 'host1')
        # PostgreSQL refuses NUL in a query.
        self.assertRefused(400, 'host', '%00')

    def test_server_without_a_host_has_no_hosts(self) -> None:
        self.server = self.create_server('cell1', 'failed')
        self.add_device(NVIDIA, test_live_migration_check.HOTPLUG)
        plan = self.plan()
        self.assertEqual((None, []), (plan['host'], plan['hosts']))

    def test_unreachable_cell_returns_503(self) -> None:
        self.useFixture(
            fixtures.MockPatchObject(
                objects.Instance,
                'get_by_uuid',
                side_effect=OSError('no route to the database'),
            )
        )
        response = self.request_plan()
        self.assertEqual(503, response.status_int, response.text)
        self.assertIn(self.cell_mappings['cell1'].uuid, response.text)

    def test_server_without_devices_has_no_hosts(self) -> None:
        plan = self.plan()
        self.assertEqual([], plan['devices'])
        self.assertEqual([], plan['hosts'])

    def set_ports(self, *vifs: network_model.VIF, **metadata: str) -> None:
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context,
                self.server,
                expected_attrs=['info_cache', 'system_metadata'],
            )
            instance.info_cache.network_info = network_model.NetworkInfo(vifs)
            instance.info_cache.save()
            instance.system_metadata.update(metadata)
            instance.save()

    def test_shows_failover_ports(self) -> None:
        ports = [
            network_model.VIF(id=name, address=address, vnic_type=vnic_type)
            for name, address, vnic_type in (
                ('card', 'fa:16:3e:00:00:01', 'direct'),
                ('pair', 'fa:16:3e:00:00:01', 'normal'),
                ('other', 'fa:16:3e:00:00:02', 'normal'),
            )
        ]
        self.set_ports(*ports)
        self.assertEqual({'pair': None, 'other': None}, self.failover_ports())
        self.set_ports(*ports, image_hw_pci_teaming='true')
        self.assertEqual(
            {'pair': 'card', 'other': None}, self.failover_ports()
        )

    def failover_ports(self) -> dict[str, str | None]:
        return {
            port['port_id']: port['replaces']
            for port in self.plan()['failover_ports']
        }
