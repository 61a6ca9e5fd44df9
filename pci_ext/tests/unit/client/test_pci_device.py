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

from pci_ext.tests.unit.client import base

DEVICE = {
    'uuid': uuids.device,
    'host': 'host1',
    'address': '0000:02:00.0',
    'dev_id': 'pci_0000_02_00_0',
    'vendor_id': '10de',
    'product_id': '1db4',
    'dev_type': 'type-PCI',
    'numa_node': 0,
    'parent_addr': None,
    'status': 'allocated',
    'server_uuid': uuids.server,
    'withdrawn': False,
    'attributes': {'e.group': 'gpu'},
    'pci_flavors': ['bigGPU', 'gpu'],
    'links': [],
}

SHORT = {
    'ID': uuids.device,
    'Host': 'host1',
    'Address': '0000:02:00.0',
    'Status': 'allocated',
    'Server ID': uuids.server,
    'PCI Flavors': ['bigGPU', 'gpu'],
}


class TestList(base.ShellTestCase):
    def set_page(self, query, *devices, more=False, cells_down=()):
        body = {'pci_devices': devices, 'cells_down': cells_down}
        if more:
            body['pci_devices_links'] = [{'rel': 'next', 'href': 'x'}]
        path = '/os-pci-devices' + (f'?{query}' if query else '')
        self.api.responses[f'GET {path}'] = (200, body)

    def list(self, *options):
        return self.json_of('pci', 'device', 'list', *options)

    def test_short(self):
        self.set_page('', DEVICE)
        self.assertEqual([SHORT], self.list())

    def test_long(self):
        self.set_page('', DEVICE)
        self.assertEqual(
            [
                {
                    **SHORT,
                    'Vendor ID': '10de',
                    'Product ID': '1db4',
                    'Type': 'type-PCI',
                    'NUMA Node': 0,
                    'Parent Address': None,
                    'Withdrawn': False,
                    'Properties': {'e.group': 'gpu'},
                }
            ],
            self.list('--long'),
        )

    def test_long_as_a_table(self):
        self.set_page('', DEVICE)
        shown = self.output_of('pci', 'device', 'list', '--long')
        self.assertIn('bigGPU, gpu', shown)
        self.assertIn("e.group='gpu'", shown)

    def test_sends_filters_and_sort_keys(self):
        self.set_page(
            'e.group=a%26b&vendor_id=10de&host=host1&flavor=gpu'
            '&status=allocated&sort_key=host&sort_dir=asc'
            '&sort_key=address&sort_dir=desc',
            DEVICE,
        )
        self.assertEqual(
            [SHORT],
            self.list(
                *('--host', 'host1', '--status', 'allocated'),
                *('--flavor', 'gpu', '--property', 'e.group=a&b'),
                *('--property', 'vendor_id=10de'),
                *('--sort', 'host,address:desc'),
            ),
        )

    def test_filters_by_address_and_server(self):
        self.api.responses[f'GET /servers/{uuids.server}'] = (
            200,
            {'server': {'id': uuids.server, 'name': 'trainer'}},
        )
        self.set_page(
            f'uuid={uuids.device}&address=0000%3A02%3A00.0'
            f'&server_uuid={uuids.server}',
            DEVICE,
        )
        self.assertEqual(
            [SHORT],
            self.list(
                *('--address', '0000:02:00.0', '--server', uuids.server),
                *('--uuid', uuids.device),
            ),
        )

    def test_lists_all_pages(self):
        last = DEVICE | {'uuid': uuids.last}
        self.set_page('host=h', DEVICE, more=True)
        self.set_page(f'host=h&marker={uuids.device}', last)
        self.assertEqual(
            [uuids.device, uuids.last],
            [row['ID'] for row in self.list('--host', 'h')],
        )

    def test_limit_and_marker(self):
        self.set_page(f'marker={uuids.before}&limit=2', DEVICE, more=True)
        last = DEVICE | {'uuid': uuids.last}
        self.set_page(f'marker={uuids.device}&limit=1', last, more=True)
        self.assertEqual(
            [uuids.device, uuids.last],
            [
                row['ID']
                for row in self.list('--limit', '2', '--marker', uuids.before)
            ],
        )

    def test_refuses_bad_options(self):
        for options, text in (
            (('--status', 'broken'), 'invalid choice'),
            (('--limit', '-2'), 'non-negative'),
            (('--limit', 'x'), 'invalid int value'),
            (('--sort', ':desc'), "no key to sort by in ':desc'"),
        ):
            self.assertIn(
                text, self.error_of('pci', 'device', 'list', *options)
            )

    def test_refuses_options_as_properties(self):
        self.set_page('limit=1', DEVICE)
        self.set_page('marker=1', DEVICE)
        for text in ('limit=1', 'marker=1'):
            self.assertIn(
                'is no property',
                self.error_of('pci', 'device', 'list', '--property', text),
            )
        self.assertEqual([], self.api.requests)

    def test_prints_the_error_message_of_the_api(self):
        self.api.responses['GET /os-pci-devices?flavor=x'] = (
            400,
            {'badRequest': {'message': 'PCI flavor x could not be found.'}},
        )
        self.assertEqual(
            'PCI flavor x could not be found.\n',
            self.error_of('pci', 'device', 'list', '--flavor', 'x'),
        )

    def test_warns_of_cells_that_do_not_answer(self):
        self.set_page('', DEVICE, cells_down=[uuids.cell])
        code, _, stderr = self.run_shell('pci', 'device', 'list')
        self.assertEqual(0, code)
        self.assertIn(f'not complete: the cells {uuids.cell} do', stderr)


class TestShow(base.ShellTestCase):
    def test_show(self):
        self.api.responses[f'GET /os-pci-devices/{uuids.device}'] = (
            200,
            {'pci_device': DEVICE},
        )
        expected = {
            **{key: DEVICE[key] for key in DEVICE},
            'id': uuids.device,
            'server_id': uuids.server,
            'properties': {'e.group': 'gpu'},
        }
        for key in ('links', 'uuid', 'server_uuid', 'attributes'):
            del expected[key]
        self.assertEqual(
            expected, self.json_of('pci', 'device', 'show', uuids.device)
        )

    def test_refuses_an_empty_uuid(self):
        self.assertEqual(
            'The name or ID of the PCI device is empty.\n',
            self.error_of('pci', 'device', 'show', ''),
        )
        self.assertEqual([], self.api.requests)
