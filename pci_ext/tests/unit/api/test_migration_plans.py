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

from pci_ext.tests.unit.api import test_live_migrations

INTEL = test_live_migrations.INTEL
NVIDIA = test_live_migrations.NVIDIA


class MigrationPlansTestCase(test_live_migrations.ServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        pool = {**NVIDIA, 'dev_type': 'type-PCI', 'count': 1}
        self.create_host('cell1', 'host2', pool)
        self.create_host('cell2', 'host3')

    def plan(self, query: str = '') -> dict[str, Any]:
        path = f'/servers/{self.server}/os-pci-migration-plan{query}'
        response = self.call('GET', path, version='2.1, pci 1.1')
        self.assertEqual(200, response.status_int, response.text)
        return dict(response.json['pci_migration_plan'])

    def test_what_becomes_of_each_device(self) -> None:
        self.have(NVIDIA, test_live_migrations.HOTPLUG)
        self.have(INTEL, test_live_migrations.FORBID)
        plan = self.plan()
        self.assertEqual(
            [('0000:00:00.0', 'hotplug'), ('0000:01:00.0', 'forbid')],
            [
                (device['address'], device['live_migration'])
                for device in plan['devices']
            ],
        )
        self.assertIn('IntelGPU', plan['refusal'])
        self.assertEqual('host1', plan['host'])

    def test_what_waits_on_hosts(self) -> None:
        self.have(NVIDIA, test_live_migrations.HOTPLUG)
        plan = self.plan()
        self.assertIsNone(plan['refusal'])
        self.assertEqual(
            [('host2', True), ('host3', False)],
            [(host['host'], host['fits']) for host in plan['hosts']],
        )
        [taken] = plan['hosts'][0]['assignment']
        self.assertEqual('NvGPU', taken['pci_flavor'])

    def test_one_host(self) -> None:
        self.have(NVIDIA, test_live_migrations.HOTPLUG)
        [found] = self.plan('?host=host3')['hosts']
        self.assertEqual('host3', found['host'])

    def test_without_devices(self) -> None:
        plan = self.plan()
        self.assertEqual([], plan['devices'])
        self.assertEqual([], plan['hosts'])
