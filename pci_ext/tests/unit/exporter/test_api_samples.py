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

"""The metrics of the samples of the documentation, from real services."""

import datetime
import json
import pathlib

import pci_ext
from pci_ext.tests.unit.exporter import base

SAMPLES = (
    pathlib.Path(pci_ext.__file__)
    .parents[1]
    .joinpath('doc', 'source', 'api-ref', 'samples')
)


def sample(name, key):
    answer = json.loads((SAMPLES / f'{name}-resp.json').read_text())
    return answer[key]


class ApiSamplesTestCase(base.ExporterTestCase):
    def test_pci_flavors(self):
        self.cloud.flavors = sample('pci_flavors.detail', 'pci_flavors')
        found = self.values('pci_ext_flavor_devices', 'pci_flavor', 'status')
        for flavor in self.cloud.flavors:
            for status in 'available', 'allocated':
                self.assertEqual(
                    flavor['usage'][status], found[flavor['name'], status]
                )

    def test_pools(self):
        self.cloud.pools = sample('pci_pools.index', 'pci_pools')
        found = self.values(
            'pci_ext_pool_info', 'host', 'vendor_id', 'product_id'
        )
        self.assertEqual(
            {
                (
                    pool['host'],
                    pool['properties']['vendor_id'],
                    pool['properties']['product_id'],
                )
                for pool in self.cloud.pools
            },
            found.keys(),
        )

    def test_limits_of_a_project(self):
        self.cloud.projects = [{'id': '1', 'name': 'demo'}]
        limits = sample('pci_limits.index', 'pci_limits')
        self.cloud.limits = {'1': limits}
        self.assertEqual(
            {
                (each['pci_flavor'],): each['limit']
                for each in limits
                if each['limit'] >= 0
            },
            self.values('pci_ext_project_limit', 'pci_flavor'),
        )

    def test_devices_of_a_server(self):
        devices = sample('server_devices.index', 'pci_devices')
        self.assertEqual({'attached'}, {each['state'] for each in devices})
        self.cloud.devices = {'server': devices}
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        self.cloud.migrations = [
            {
                'uuid': '1',
                'status': 'completed',
                'migration_type': 'live-migration',
                'instance_uuid': 'server',
                'created_at': now.isoformat(),
                'updated_at': now.isoformat(),
            }
        ]
        found = self.values('pci_ext_migrations_total', 'type', 'result')
        self.assertEqual(1, found['live-migration', 'success'])
