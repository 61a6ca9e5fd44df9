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
from urllib import parse

from nova import context
from nova.db.main import api as db_api
from nova.db.main import models
from oslo_serialization import jsonutils
from oslo_utils import uuidutils
from oslo_utils.fixture import uuidsentinel

from pci_ext.api.inventory import cell_queries
from pci_ext.api.inventory import reader
from pci_ext.api.schemas import pci_devices as schema
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base

PATH = '/os-pci-devices'

GPU = {'vendor_id': '10de', 'product_id': '1db4', 'numa_node': 0}
NIC = {'vendor_id': '8086', 'product_id': '10c9', 'numa_node': None}


def pool(count: int = 1, **values: Any) -> dict[str, Any]:
    return {'dev_type': 'type-PCI', 'count': count, **values}


def _name(shown: dict[str, Any]) -> str:
    return f'{shown["host"]} {shown["address"][5:7]}'


class PciDevicesTestCase(base.RouterTestCase):
    """host1 in cell1 has two GPUs, one in use; host2 in cell2 has a NIC."""

    def setUp(self) -> None:
        super().setUp()
        self.host1 = self.create_host(
            'cell1', 'host1', pool(**GPU, **{'e.group': 'gpu'})
        )
        self.host2 = self.create_host('cell2', 'host2', pool(**NIC))
        self.server = self.create_server('cell1', 'server', self.host1)
        gpu = {'attributes': {'e.group': 'gpu'}, **GPU}
        self.create_device('cell1', self.host1, '0000:02:00.0', **gpu)
        self.create_device(
            'cell1', self.host1, '0000:01:00.0', self.server, **gpu
        )
        self.create_device('cell2', self.host2, '0000:02:00.0', **NIC)
        for name, specs in (
            ('gpu', {'e.group': 'gpu'}),
            ('nvidia', {'vendor_id': '10de'}),
            ('nic', {'vendor_id': '8086', 'product_id': '10c9'}),
            ('later', {}),
        ):
            db.create(
                pci_flavor.PciFlavor(name=name, specs=specs, is_public=False)
            )

    def get_list(self, **query: Any) -> dict[str, Any]:
        response = self.call(
            'GET', f'{PATH}?{parse.urlencode(query, doseq=True)}'
        )
        self.assertEqual(200, response.status_int, response.text)
        return response.json

    def names(self, **query: Any) -> list[str]:
        return list(map(_name, self.get_list(**query)['pci_devices']))

    def bad_request_message(self, **query: Any) -> str:
        response = self.call(
            'GET', f'{PATH}?{parse.urlencode(query, doseq=True)}'
        )
        self.assertEqual(400, response.status_int, response.text)
        return response.json['badRequest']['message']


class ListTestCase(PciDevicesTestCase):
    def test_shows_all_fields(self) -> None:
        listed = self.get_list()
        self.assertEqual([], listed['cells_down'])
        self.assertNotIn('pci_devices_links', listed)
        first = listed['pci_devices'][0]
        uuid = first.pop('uuid')
        self.assertTrue(uuidutils.is_uuid_like(uuid))
        self.assertEqual(
            {
                'host': 'host1',
                'address': '0000:01:00.0',
                'dev_id': 'pci_0000_01_00_0',
                'vendor_id': '10de',
                'product_id': '1db4',
                'dev_type': 'type-PCI',
                'numa_node': 0,
                'parent_addr': None,
                'status': 'allocated',
                'server_uuid': self.server,
                'withdrawn': False,
                'attributes': {'e.group': 'gpu'},
                'pci_flavors': ['gpu', 'nvidia'],
                'links': [
                    {
                        'rel': 'self',
                        'href': f'http://localhost/v2.1{PATH}/{uuid}',
                    },
                    {
                        'rel': 'bookmark',
                        'href': f'http://localhost{PATH}/{uuid}',
                    },
                ],
            },
            first,
        )
        self.assertEqual(['nic'], listed['pci_devices'][2]['pci_flavors'])

    def test_sorts_by_host_and_address(self) -> None:
        self.assertEqual(['host1 01', 'host1 02', 'host2 02'], self.names())

    def test_filters_devices(self) -> None:
        used, free, nic = self.names()
        nic_uuid = self.get_list()['pci_devices'][-1]['uuid']
        for query, expected in (
            ({'host': 'host1'}, [used, free]),
            ({'host': 'nosuch'}, []),
            ({'status': 'allocated'}, [used]),
            ({'status': 'available'}, [free, nic]),
            ({'status': 'claimed'}, []),
            ({'address': '0000:02:00.0'}, [free, nic]),
            ({'address': '0000:02:00.0', 'host': 'host2'}, [nic]),
            ({'address': '0000:03:00.0'}, []),
            ({'uuid': nic_uuid}, [nic]),
            ({'uuid': nic_uuid, 'host': 'host1'}, []),
            ({'uuid': uuidsentinel.nosuch}, []),
            ({'server_uuid': self.server}, [used]),
            ({'server_uuid': self.server, 'status': 'available'}, []),
            ({'flavor': 'nvidia'}, [used, free]),
            ({'flavor': db.get_by_name('nic').uuid}, [nic]),
            ({'flavor': 'later'}, []),
            ({'e.group': 'gpu'}, [used, free]),
            ({'e.group': 'gp'}, []),
            ({'vendor_id': '8086'}, [nic]),
            ({'product_id': '1db[0-4]'}, [used, free]),
            ({'device_id': '0x1DB4'}, [used, free]),
            ({'e.unknown': '*'}, []),
            ({'numa_node': '0', 'status': 'available'}, [free]),
            ({'flavor': 'gpu', 'status': 'available'}, [free]),
            ({'host': 'host1', 'vendor_id': '8086'}, []),
        ):
            self.assertEqual(expected, self.names(**query), query)

    def test_filters_by_grouping_keys_only(self) -> None:
        text = self.bad_request_message(**{'class': '0x0300.*'})
        self.assertIn(
            "'class' is not a parameter, nor does a compute host group its "
            'PCI devices by it. Parameters are address, flavor, host, limit, '
            'marker, server_uuid, sort_dir, sort_key, status, uuid. '
            'Attributes are dev_type, numa_node, product_id, vendor_id, and '
            'all that begin with e.',
            text,
        )
        host = self.create_host(
            'cell2', 'host3', pool(**GPU, **{'class': '0x0300'})
        )
        self.create_device(
            'cell2',
            host,
            '0000:09:00.0',
            attributes={'class': '0x0300'},
            **GPU,
        )
        self.assertEqual(['host3 09'], self.names(**{'class': '0x03.*'}))
        self.assertEqual([], self.names(**{'class': '0x02.*'}))

    def test_device_without_a_pool_has_pci_flavors(self) -> None:
        used = self.get_list(status='allocated')['pci_devices']
        self.assertEqual([['gpu', 'nvidia']], [x['pci_flavors'] for x in used])

    def test_pci_flavors_follow_special_attributes_of_the_pool(self) -> None:
        host = self.create_host(
            'cell1',
            'host3',
            pool(
                vendor_id='',
                product_id='',
                numa_node=0,
                special_attrs='e.special',
                **{'e.special': 'yes'},
            ),
        )
        self.create_device(
            'cell1',
            host,
            '0000:09:00.0',
            attributes={'e.special': 'yes', 'e.group': 'gpu'},
            **GPU,
        )
        (shown,) = self.get_list(host='host3')['pci_devices']
        self.assertEqual([], shown['pci_flavors'])
        db.create(
            pci_flavor.PciFlavor(name='special', specs={'e.special': 'yes'})
        )
        (shown,) = self.get_list(host='host3')['pci_devices']
        self.assertEqual(['special'], shown['pci_flavors'])

    def test_filters_do_not_change_the_pci_flavors_of_a_device(self) -> None:
        # The free devices show that the host does not group by e.color.
        red = {'attributes': {'e.color': 'red'}, **NIC}
        db.create(pci_flavor.PciFlavor(name='red', specs={'e.color': 'red'}))
        server = self.create_server('cell2', 'other', self.host2)
        self.create_device('cell2', self.host2, '0000:03:00.0', **red)
        self.create_device('cell2', self.host2, '0000:04:00.0', server, **red)
        (used,) = self.get_list(host='host2', status='allocated')[
            'pci_devices'
        ]
        self.assertEqual(['nic'], used['pci_flavors'])
        response = self.call('GET', f'{PATH}/{used["uuid"]}')
        self.assertEqual(['nic'], response.json['pci_device']['pci_flavors'])

    def test_sorts_by_the_requested_keys(self) -> None:
        used, free, nic = self.names()
        for keys, dirs, expected in (
            (['address'], [], [used]),
            (['address', 'vendor_id'], [], [used, free, nic]),
            (['host'], ['desc'], [nic]),
            (['status', 'host'], ['desc', 'asc'], [free, nic, used]),
            (['status', 'host'], ['asc', 'desc'], [used, nic, free]),
            (['status', 'host'], ['desc'], [nic, free, used]),
            (['numa_node', 'address'], [], [nic, used, free]),
            (['numa_node', 'address'], ['desc'], [free, used, nic]),
            (['server_uuid', 'vendor_id'], [], [free, nic, used]),
            ([], ['desc'], [nic, free, used]),
        ):
            names = self.names(sort_key=keys, sort_dir=dirs)
            self.assertEqual(expected, names[: len(expected)], (keys, dirs))

    def test_returns_pages(self) -> None:
        all_devices = self.get_list()['pci_devices']
        for sort in (
            {},
            {'sort_key': ['status', 'address'], 'sort_dir': ['desc', 'asc']},
            {'sort_key': ['dev_type']},
        ):
            expected = self.get_list(**sort)['pci_devices']
            found = []
            page = self.get_list(limit=1, **sort)
            while page['pci_devices']:
                found += page['pci_devices']
                (link,) = page['pci_devices_links']
                self.assertEqual('next', link['rel'])
                response = self.call(
                    'GET', link['href'].removeprefix('http://localhost/v2.1')
                )
                page = response.json
            self.assertEqual(expected, found)
            self.assertEqual(len(all_devices), len(found))
            self.assertNotIn('pci_devices_links', page)

    def test_pages_are_parts_of_the_whole_list(self) -> None:
        for cell, name, numbers in (
            ('cell1', 'Host', range(3)),
            ('cell2', 'host', range(3, 6)),
        ):
            node = self.create_host(cell, name, pool(**GPU))
            for number in numbers:
                self.create_device(
                    cell,
                    node,
                    f'0000:0{number}:00.0',
                    self.server if number == 1 else None,
                    **GPU | {'numa_node': (None, 0, 1)[number % 3]},
                )
        for sort_keys, sort_dirs in (
            ([], ['desc']),
            *(([key], ['asc']) for key in schema.SORT_KEYS),
            (['numa_node'], ['desc']),
            (['server_uuid', 'host'], ['desc', 'asc']),
            (['numa_node', 'status'], ['asc', 'desc']),
        ):
            sort = {'sort_key': sort_keys, 'sort_dir': sort_dirs}
            # A pattern is compared after all devices are read.
            expected = self.names(vendor_id='*', **sort)
            found: list[str] = []
            page: dict[str, Any] = {}
            while page or not found:
                listed = self.get_list(limit=4, **sort, **page)
                found += map(_name, listed['pci_devices'])
                page = {}
                if 'pci_devices_links' in listed:
                    page['marker'] = listed['pci_devices'][-1]['uuid']
            self.assertEqual(expected, found, sort)

    def test_page_larger_than_the_list_has_no_next_link(self) -> None:
        page = self.get_list(limit=4)
        self.assertEqual(3, len(page['pci_devices']))
        self.assertNotIn('pci_devices_links', page)

    def test_page_has_at_most_max_limit_devices(self) -> None:
        self.flags(max_limit=2, group='api')
        page = self.get_list()
        self.assertEqual(2, len(page['pci_devices']))
        self.assertIn('pci_devices_links', page)

    def test_page_after_a_device_that_the_filter_excludes_now(self) -> None:
        first = self.get_list(vendor_id='10de', sort_key='address', limit=1)
        self.assertEqual(['host1 02'], self.names(status='available', limit=1))
        marker = self.get_list(status='available')['pci_devices'][0]['uuid']
        with context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell:
            db_api.pci_device_update(
                cell, self.host1.id, '0000:02:00.0', {'status': 'claimed'}
            )
        self.assertEqual(
            ['host2 02'], self.names(status='available', marker=marker)
        )
        self.assertEqual(
            ['host1 02'],
            self.names(
                vendor_id='10de',
                sort_key='address',
                marker=first['pci_devices'][0]['uuid'],
            ),
        )

    def test_refuses_invalid_queries(self) -> None:
        for query, text in (
            ({'marker': uuidsentinel.none}, 'Marker'),
            ({'limit': '-1'}, 'limit'),
            ({'limit': 'x'}, 'limit'),
            ({'limit': '9' * 5000}, ''),
            ({'sort_key': 'extra_info'}, 'sort_key'),
            ({'sort_dir': 'up'}, 'sort_dir'),
            ({'sort_key': 'host', 'sort_dir': ['asc', 'desc']}, 'sort_dir'),
            ({'status': 'broken'}, 'status'),
            ({'flavor': 'nosuch'}, 'PCI flavor nosuch could not be found'),
            ({'e.group': 'g['}, 'e.group'),
            ({'color': 'red'}, "'color' is not a parameter"),
            ({'': 'red'}, 'empty'),
            ({'product_id': '1', 'device_id': '2'}, 'another name of it'),
            ({'class': ['a', 'b']}, 'class'),
            ({'host': 'a\0b'}, 'host'),
            ({'host': ['a', 'b']}, 'host'),
        ):
            self.assertIn(text, self.bad_request_message(**query), query)

    def test_lists_unreachable_cells(self) -> None:
        cell = self.cell_mappings['cell1']
        self.useFixture(base.BrokenCell(reader, 'devices_in_cell', cell))
        listed = self.get_list()
        self.assertEqual([cell.uuid], listed['cells_down'])
        self.assertEqual(
            ['host2'], [each['host'] for each in listed['pci_devices']]
        )

    def test_hides_deleted_devices_and_hosts(self) -> None:
        with context.target_cell(
            self.context, self.cell_mappings['cell2']
        ) as cell_context:
            db_api.pci_device_destroy(
                cell_context, self.host2.id, '0000:02:00.0'
            )
        self.assertEqual(['host1 01', 'host1 02'], self.names())
        self.host1.destroy()
        self.assertEqual([], self.names())


class ShowTestCase(PciDevicesTestCase):
    def test_shows_a_device_as_in_the_list(self) -> None:
        for device in self.get_list()['pci_devices']:
            response = self.call('GET', f'{PATH}/{device["uuid"]}')
            self.assertEqual({'pci_device': device}, response.json)

    def test_unknown_device_is_not_found(self) -> None:
        for id in (uuidsentinel.none, 'host1', '0', '%00'):
            response = self.call('GET', f'{PATH}/{id}')
            self.assertEqual(404, response.status_int, id)

    def test_unreachable_cell_returns_503(self) -> None:
        used, _, nic = self.get_list()['pci_devices']
        cell = self.cell_mappings['cell1']
        self.useFixture(base.BrokenCell(reader, 'devices_in_cell', cell))
        response = self.call('GET', f'{PATH}/{used["uuid"]}')
        self.assertEqual(503, response.status_int)
        self.assertIn(cell.uuid, response.text)
        response = self.call('GET', f'{PATH}/{nic["uuid"]}')
        self.assertEqual({'pci_device': nic}, response.json)


class ManyDevicesTestCase(PciDevicesTestCase):
    HOSTS = 100
    DEVICES = 100

    def setUp(self) -> None:
        super().setUp()
        for cell in ('cell1', 'cell2'):
            with context.target_cell(
                self.context, self.cell_mappings[cell]
            ) as cell_context:
                self._fill(cell, cell_context)

    @db_api.pick_context_manager_writer
    def _write(
        cell_context: context.RequestContext, table: Any, rows: Any
    ) -> None:
        cell_context.session.execute(table.__table__.insert(), rows)

    def _fill(self, cell: str, cell_context: context.RequestContext) -> None:
        nodes = [
            self.create_host(
                cell,
                f'{cell}-{number}',
                pool(self.DEVICES // 2, **GPU, **{'e.group': 'gpu'}),
            )
            for number in range(self.HOSTS // 2)
        ]
        ManyDevicesTestCase._write(
            cell_context,
            models.PciDevice,
            [
                {
                    'uuid': uuidutils.generate_uuid(),
                    'compute_node_id': node.id,
                    'address': f'0000:{number:02x}:00.0',
                    'dev_id': f'pci_0000_{number:02x}_00_0',
                    'dev_type': 'type-PCI',
                    'label': 'label',
                    'status': ('available', 'allocated')[number % 2],
                    'extra_info': jsonutils.dumps(
                        {'e.group': 'gpu', 'e.slot': str(number)}
                    ),
                    'deleted': 0,
                    **GPU,
                }
                for node in nodes
                for number in range(self.DEVICES)
            ],
        )

    def test_sends_one_query_per_cell(self) -> None:
        last = self.get_list(host='cell2-8')['pci_devices'][-1]
        for query in (
            {},
            {'limit': 10, 'sort_key': 'address', 'sort_dir': 'desc'},
            {'status': 'allocated', 'flavor': 'gpu', 'e.slot': '9[0-9]'},
            {'limit': 10, 'marker': last['uuid'], 'flavor': 'nvidia'},
        ):
            with (
                base.statements('pci_devices') as devices,
                base.statements('compute_nodes') as nodes,
                base.statements('pci_flavors') as flavors,
            ):
                found = self.get_list(**query)['pci_devices']
            self.assertTrue(found, query)
            self.assertEqual(4 if 'flavor' in query else 6, len(devices))
            self.assertEqual(4, len(nodes), nodes)
            self.assertEqual(1, len(flavors), flavors)

    def test_reads_the_devices_of_a_page_alone(self) -> None:
        last = self.get_list(host='cell2-8')['pci_devices'][-1]
        read: list[Any] = []

        def record(name: str) -> None:
            original = getattr(cell_queries, name)

            def call(*args: Any) -> Any:
                rows = original(*args)
                read.extend(rows)
                return rows

            self.stub_out(f'{cell_queries.__name__}.{name}', call)

        record('devices')
        record('nodes')
        for query in (
            {'limit': 10},
            {'limit': 10, 'marker': last['uuid']},
            {'limit': 10, 'status': 'allocated', 'sort_key': 'address'},
        ):
            read.clear()
            self.assertEqual(10, len(self.get_list(**query)['pci_devices']))
            # Ten devices of each cell, at most as many hosts, the marker.
            self.assertLess(len(read), 45)
