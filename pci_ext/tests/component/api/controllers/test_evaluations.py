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

from pci_ext.api.inventory import reader
from pci_ext.db import pci_flavors as db
from pci_ext.matching import explanation
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base

PATH = '/os-pci-flavors/evaluate'

INTEL = {'vendor_id': '8086', 'product_id': '0001', 'dev_type': 'type-PCI'}
NVIDIA = INTEL | {'vendor_id': '10de'}
QA = INTEL | {'product_id': '37c8'}


class EvaluateTestCase(base.RouterTestCase):
    number = 0

    def setUp(self) -> None:
        super().setUp()
        self.create_host('cell1', 'none')
        few = self.create_host(
            'cell1', 'few', {**NVIDIA, 'count': 1}, {**INTEL, 'count': 0}
        )
        full = self.create_host(
            'cell2', 'all', {**NVIDIA, 'count': 8}, {**QA, 'count': 1}
        )
        for cell, host, devices in (
            ('cell1', few, [NVIDIA, INTEL | {'status': 'allocated'}]),
            ('cell1', few, [QA | {'status': 'removed'}]),
            ('cell2', full, [NVIDIA] * 8 + [QA]),
        ):
            for device in devices:
                self.number += 1
                self.create_device(
                    cell, host, f'0000:{self.number:02x}:00.0', **device
                )
        for name, specs in (
            ('IntelGPU', {'vendor_id': '8086', 'product_id': '0001'}),
            ('NvGPU', {'vendor_id': '10de'}),
            ('QA', {'product_id': '37c8'}),
        ):
            db.create(
                pci_flavor.PciFlavor(name=name, specs=specs, is_public=False)
            )

    def evaluate(self, request: str) -> dict[str, Any]:
        response = self.call('POST', PATH, {'evaluate': {'request': request}})
        self.assertEqual(200, response.status_int, response.text)
        return response.json['evaluation']

    def test_host_without_pci_ext_does_not_fit(self) -> None:
        pool = NVIDIA | {'count': 1}
        self.create_host('cell2', 'plain', pool, has_pci_ext=False)
        fits = {
            host['host']: host['fits']
            for host in self.evaluate('1:NvGPU')['hosts']
        }
        self.assertEqual(
            {'all': True, 'few': True, 'none': False, 'plain': False}, fits
        )

    def test_equal_hosts_are_evaluated_once(self) -> None:
        for number, free in enumerate((2, 2, 2, 1)):
            host = self.create_host(
                'cell1', f'equal{number}', {**NVIDIA, 'count': free}
            )
            for slot in range(2 + number % 2):
                self.create_device(
                    'cell1', host, f'0000:0{slot}:00.0', **NVIDIA
                )
        calls: list[Any] = []
        explain = explanation.explain

        def record(*args: Any) -> Any:
            calls.append(args)
            return explain(*args)

        self.stub_out(f'{explanation.__name__}.explain', record)
        hosts = {
            host['host']: host for host in self.evaluate('2:NvGPU')['hosts']
        }
        # The three hosts of the fixture, and of the others those with more
        # devices and with fewer free ones.
        self.assertEqual(3 + 3, len(calls))
        self.assertEqual(
            [(True, 2), (True, 3), (True, 2), (False, 3)],
            [
                (each['fits'], each['requests'][0]['total'])
                for name, each in sorted(hosts.items())
                if name.startswith('equal')
            ],
        )

    def test_search_that_is_given_up(self) -> None:
        cards = range(12)
        card_type = {'type-PF': 'pf', 'type-VF': 'vf'}
        self.create_host(
            'cell2',
            'cards',
            *(
                INTEL
                | {
                    'count': 1,
                    'dev_type': dev_type,
                    'address': f'0000:{card:02x}:00.0',
                    'e.name': str(card),
                }
                for card in cards
                for dev_type in card_type
            ),
        )
        for dev_type, prefix in card_type.items():
            for card in cards:
                db.create(
                    pci_flavor.PciFlavor(
                        name=f'{prefix}{card}',
                        specs={'dev_type': dev_type, 'e.name': str(card)},
                    )
                )
        pfs, vfs = (
            ','.join(f'{prefix}{card}' for card in cards)
            for prefix in card_type.values()
        )
        host = self.evaluate(f'6:{pfs};7:{vfs}')['hosts'][1]
        self.assertFalse(host['fits'])
        self.assertIn('is not known whether the host', host['explanation'])
        self.assertEqual([0, 0], [each['found'] for each in host['requests']])

    def test_reports_the_fit_of_each_host(self) -> None:
        found = self.evaluate('IntelGPU,NvGPU;1:QA;')
        self.assertEqual('1:IntelGPU,NvGPU;1:QA', found['request'])
        self.assertEqual([], found['cells_down'])
        full, few, none = found['hosts']
        self.assertEqual(
            {
                'host': 'all',
                'fits': True,
                'explanation': (
                    'The host fits: 1 of NvGPU from the pool '
                    'dev_type=type-PCI, product_id=0001, vendor_id=10de; 1 of '
                    'QA from the pool dev_type=type-PCI, product_id=37c8, '
                    'vendor_id=8086.'
                ),
                'assignment': [
                    {
                        'request': '1:IntelGPU,NvGPU',
                        'pci_flavor': 'NvGPU',
                        'count': 1,
                        'pool': NVIDIA,
                    },
                    {
                        'request': '1:QA',
                        'pci_flavor': 'QA',
                        'count': 1,
                        'pool': QA,
                    },
                ],
                'requests': [
                    {
                        'request': '1:IntelGPU,NvGPU',
                        'count': 1,
                        'found': 1,
                        'matching': 8,
                        'total': 8,
                    },
                    {
                        'request': '1:QA',
                        'count': 1,
                        'found': 1,
                        'matching': 1,
                        'total': 1,
                    },
                ],
            },
            full,
        )
        self.assertEqual(
            {
                'host': 'few',
                'fits': False,
                'explanation': (
                    'The host does not fit. QA: found 0 of 1 (none on the '
                    'host).'
                ),
                'assignment': [],
                'requests': [
                    {
                        'request': '1:IntelGPU,NvGPU',
                        'count': 1,
                        'found': 1,
                        'matching': 1,
                        'total': 2,
                    },
                    {
                        'request': '1:QA',
                        'count': 1,
                        'found': 0,
                        'matching': 0,
                        'total': 0,
                    },
                ],
            },
            few,
        )
        self.assertEqual(('none', False), (none['host'], none['fits']))

    def test_tells_devices_in_use_from_none(self) -> None:
        hosts = self.evaluate('1:IntelGPU')['hosts']
        self.assertEqual(
            {
                'all': 'The host does not fit. IntelGPU: found 0 of 1 (none '
                'on the host).',
                'few': 'The host does not fit. IntelGPU: found 0 of 1 (1 on '
                'the host, 0 free).',
                'none': 'The host does not fit. IntelGPU: found 0 of 1 (none '
                'on the host).',
            },
            {host['host']: host['explanation'] for host in hosts},
        )
        self.assertEqual(
            [0, 1, 0], [host['requests'][0]['total'] for host in hosts]
        )

    def test_refuses_invalid_requests(self) -> None:
        for request, text in (
            ('1:nosuch', 'PCI flavor nosuch could not be found'),
            ('0:QA', '0'),
            ('', ''),
            ('1:QA\0', ''),
            ('1:\ud800', ''),
        ):
            response = self.call(
                'POST', PATH, {'evaluate': {'request': request}}
            )
            self.assertEqual(400, response.status_int, request)
            self.assertIn(text, response.json['badRequest']['message'])
        for body in (
            {},
            {'evaluate': {}},
            {'evaluate': {'request': 1}},
            {'evaluate': {'request': '1:QA', 'host': 'all'}},
            {'evaluate': {'request': '1:QA'}, 'more': 1},
        ):
            response = self.call('POST', PATH, body)
            self.assertEqual(400, response.status_int, body)

    def test_lists_unreachable_cells(self) -> None:
        cell = self.cell_mappings['cell1']
        self.useFixture(
            base.BrokenCell(reader, 'pools_and_groups_in_cell', cell)
        )
        found = self.evaluate('1:NvGPU')
        self.assertEqual([cell.uuid], found['cells_down'])
        self.assertEqual(['all'], [each['host'] for each in found['hosts']])

    def test_shows_a_pci_flavor_named_evaluate(self) -> None:
        db.create(
            pci_flavor.PciFlavor(name='evaluate', specs={'vendor_id': '8086'})
        )
        response = self.call('GET', PATH)
        self.assertEqual('evaluate', response.json['pci_flavor']['name'])
