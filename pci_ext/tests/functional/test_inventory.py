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

"""Devices as administrators and tenants see them, on real services."""

from typing import Any

from pci_ext.tests import tags
from pci_ext.tests.functional import base

INTEL = {
    'kind': 'gpu',
    'vendor_id': '8086',
    'product_id': '0001',
    'address': ['0000:01:00.0', '0000:02:00.0'],
}
NVIDIA = INTEL | {'vendor_id': '10de', 'address': '0000:03:00.0'}
QAT = INTEL | {
    'kind': 'crypto',
    'product_id': '37c8',
    'address': '0000:04:00.0',
}


@tags.tag(tags.NOVA33_SHORT)
class TestInventory(base.TestCase):
    HOSTS = {'host-1': [INTEL, NVIDIA], 'host-2': [NVIDIA, QAT]}
    CONFIG = """
[pci_ext]
pci_information = [{"product_id": "0001"}, {"e.group": "gpu"}]
pci_information = [{"product_id": "37c8"}, {"e.group": "qat"}]
pci_flavor_attrs = vendor_id, e.group
"""

    def setUp(self) -> None:
        super().setUp()
        gpu = {'e.group': 'gpu'}
        self.create_pci_flavor('IntelGPU', vendor_id='8086', **gpu)
        self.create_pci_flavor('NvGPU', vendor_id='10de', **gpu)
        self.create_pci_flavor('QA', **{'e.group': 'qat'})

    def usage(self, name: str) -> dict[str, int]:
        return dict(self.openstack('pci', 'flavor', 'show', name)['usage'])

    def devices(self, *options: str) -> list[dict[str, Any]]:
        return list(self.openstack('pci', 'device', 'list', *options))

    def test_shows_devices_in_use(self) -> None:
        self.assertEqual(
            {'total': 2, 'available': 2, 'allocated': 0},
            self.usage('IntelGPU'),
        )
        server = self.boot('2:IntelGPU;')
        self.assertEqual(
            {'total': 2, 'available': 0, 'allocated': 2},
            self.usage('IntelGPU'),
        )
        self.assertEqual(
            {'total': 2, 'available': 2, 'allocated': 0}, self.usage('NvGPU')
        )
        used = self.devices('--status', 'allocated', '--sort', 'address:desc')
        self.assertEqual(
            [
                ('host-1', '0000:02:00.0', server, ['IntelGPU']),
                ('host-1', '0000:01:00.0', server, ['IntelGPU']),
            ],
            [
                (
                    row['Host'],
                    row['Address'],
                    row['Server ID'],
                    row['PCI Flavors'],
                )
                for row in used
            ],
        )
        pools = self.openstack('pci', 'pool', 'list', '--flavor', 'IntelGPU')
        self.assertEqual(0, sum(row['Free'] for row in pools))

    def test_filters_and_pages(self) -> None:
        everything = [row['ID'] for row in self.devices()]
        self.assertEqual(5, len(everything))
        first = [row['ID'] for row in self.devices('--limit', '2')]
        rest = [row['ID'] for row in self.devices('--marker', first[-1])]
        self.assertEqual(everything, first + rest)
        for options, expected in (
            (('--host', 'host-2'), ['0000:03:00.0', '0000:04:00.0']),
            (('--property', 'e.group=qat'), ['0000:04:00.0']),
            (('--flavor', 'NvGPU', '--host', 'host-1'), ['0000:03:00.0']),
        ):
            self.assertEqual(
                expected, [row['Address'] for row in self.devices(*options)]
            )
        shown = self.openstack('pci', 'device', 'show', everything[0])
        self.assertEqual({'e.group': 'gpu'}, shown['properties'])

    def evaluate(self, request: str) -> list[dict[str, Any]]:
        return [
            row
            for row in self.openstack('pci', 'evaluate', request)
            if row['Host'] not in self.cloud.other_hosts
        ]

    def test_evaluation_agrees_with_the_scheduler(self) -> None:
        request = '1:IntelGPU,NvGPU;1:QA'
        hosts = self.evaluate(request)
        self.assertEqual(
            [('host-1', False), ('host-2', True)],
            [(row['Host'], row['Fits']) for row in hosts],
        )
        self.assertIn('QA: found 0 of 1', hosts[0]['Explanation'])
        self.assertIn('1 of NvGPU from the pool', hosts[1]['Explanation'])
        server = self.boot(request)
        self.assertAllocated(server, '0000:03:00.0', '0000:04:00.0')
        hosts = self.evaluate(request)
        self.assertEqual([False, False], [row['Fits'] for row in hosts])
        self.assertNoHost(request)

    def test_shows_the_pci_flavor_of_each_device(self) -> None:
        server = self.boot('1:QA,IntelGPU;1:NvGPU')
        rows = self.openstack('server', 'pci', 'list', '--long', server)
        self.assertEqual(
            [
                ('0000:03:00.0', 'NvGPU', ['NvGPU'], 'boot'),
                ('0000:04:00.0', 'QA', ['QA', 'IntelGPU'], 'boot'),
            ],
            [
                (
                    row['Address'],
                    row['PCI Flavor'],
                    row['Alternatives'],
                    row['Attached'],
                )
                for row in rows
            ],
        )

    def test_shows_attached_devices(self) -> None:
        server = self.boot('1:QA')
        self.shell.run(
            *('server', 'add', 'pci', '--pci-flavor', '1:IntelGPU,NvGPU'),
            *('--wait', server),
        )
        rows = self.openstack('server', 'pci', 'list', '--long', server)
        self.assertEqual(
            [('NvGPU', 'hot'), ('QA', 'boot')],
            [(row['PCI Flavor'], row['Attached']) for row in rows],
        )

    def test_members_see_no_hosts(self) -> None:
        member = 'pci-ext-member'
        self.boot('1:QA')
        shown = self.openstack('pci', 'flavor', 'show', 'QA', cloud=member)
        self.assertEqual(
            {'total': 1, 'available': 0, 'allocated': 1}, shown['usage']
        )
        for command in (
            ('pci', 'device', 'list'),
            ('pci', 'pool', 'list'),
            ('pci', 'evaluate', '1:QA'),
        ):
            self.assertRefused('Policy', *command, cloud=member)
