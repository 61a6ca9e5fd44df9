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

from nova import context
from oslo_utils import timeutils
from oslo_utils import uuidutils
from oslo_utils.fixture import uuidsentinel
import webob

from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base

PATH = '/os-pci-flavors'

#: A project that exists.
KNOWN = uuidsentinel.project

POOL = {
    'vendor_id': '8086',
    'product_id': '0001',
    'numa_node': 0,
    'dev_type': 'type-PCI',
    'e.group': 'gpu',
    'count': 1,
}


class PciFlavorsTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = self.create_host('cell1', 'host1', POOL)
        self.useFixture(base.Projects(KNOWN))
        self.reader = self.context_of('reader')

    def create(self, name: str, **values: Any) -> dict[str, Any]:
        response = self.call(
            'POST', PATH, {'pci_flavor': {'name': name} | values}
        )
        self.assertEqual(201, response.status_int, response.text)
        return response.json['pci_flavor']

    def show(
        self, id: str, as_user: context.RequestContext | None = None
    ) -> dict[str, Any]:
        response = self.call('GET', f'{PATH}/{id}', context=as_user)
        self.assertEqual(200, response.status_int, response.text)
        flavor: dict[str, Any] = response.json['pci_flavor']
        # Other tests are about these.
        flavor.pop('usage', None)
        flavor.pop('projects', None)
        return flavor

    def names(
        self,
        as_user: context.RequestContext | None = None,
        path: str = PATH,
    ) -> list[str]:
        response = self.call('GET', path, context=as_user)
        self.assertEqual(200, response.status_int, response.text)
        return [flavor['name'] for flavor in response.json['pci_flavors']]

    def assert_refused(
        self, status: int, response: webob.Response, *texts: str
    ) -> None:
        self.assertEqual(status, response.status_int, response.text)
        (fault,) = response.json.values()
        for text in texts:
            self.assertIn(text, fault['message'])


class CreateTestCase(PciFlavorsTestCase):
    def test_creates_a_pci_flavor_with_all_fields(self) -> None:
        values = {
            'name': 'bigGPU',
            'description': 'the big ones',
            'is_public': False,
            'live_migration': 'hotplug',
            'specs': {'vendor_id': '8086', 'product_id': '000[1-2]'},
        }
        response = self.call('POST', PATH, {'pci_flavor': values})
        self.assertEqual(201, response.status_int, response.text)
        flavor = response.json['pci_flavor']
        self.assertEqual(flavor, flavor | values)
        self.assertTrue(uuidutils.is_uuid_like(flavor['uuid']))
        timeutils.parse_isotime(flavor['created_at'])
        self.assertIsNone(flavor['updated_at'])
        self.assertEqual(
            f'http://localhost/v2.1{PATH}/{flavor["uuid"]}',
            response.headers['Location'],
        )
        self.assertEqual(flavor, self.show(flavor['uuid']))

    def test_creates_a_pci_flavor_with_defaults(self) -> None:
        flavor = self.create('bigGPU')
        self.assertEqual(
            flavor,
            flavor
            | {
                'description': None,
                'is_public': True,
                'live_migration': 'forbid',
                'specs': {},
            },
        )

    def test_device_id_is_stored_as_product_id(self) -> None:
        flavor = self.create('bigGPU', specs={'device_id': '0001'})
        self.assertEqual({'product_id': '0001'}, flavor['specs'])

    def test_refuses_an_existing_name(self) -> None:
        flavor = self.create('bigGPU')
        self.assert_refused(
            409,
            self.call(
                'POST',
                PATH,
                {'pci_flavor': {'name': 'bigGPU', 'description': 'other'}},
            ),
            'bigGPU',
        )
        self.assertEqual(flavor, self.show('bigGPU'))

    def test_refuses_invalid_values(self) -> None:
        cases: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
            # Names.
            ({'name': '1234'}, ('name', 'digits')),
            ({'name': uuidsentinel.other}, ('name', 'reads as a uuid')),
            ({'name': uuidsentinel.other.upper()}, ('name', 'a uuid')),
            ({'name': 'x' * 256}, ('name', '255')),
            ({'name': ''}, ('name', 'empty')),
            ({'name': ' GPU'}, ('name', 'white space')),
            ({'name': 'a,b'}, ('name', ', ; or :')),
            ({'name': 'a;b'}, ('name', ', ; or :')),
            ({'name': 'a:b'}, ('name', ', ; or :')),
            ({'name': 'a\ud800'}, ('name', 'printed')),
            ({'name': '_flavor_attrs'}, ('name', 'reserved')),
            ({'name': 'detail'}, ('name', 'reserved')),
            ({'name': 'a/b'}, ('name', 'path')),
            ({'name': '.'}, ('name', 'path')),
            ({'name': '..'}, ('name', 'path')),
            ({'name': 7}, ('name', '7')),
            # Specs.
            ({'specs': {'e.color': 'red'}}, ('e.color', 'e.group')),
            ({'specs': {'address': '0000:02:00.0'}}, ('address', 'machine')),
            ({'specs': {'host': 'host1'}}, ('host', 'machine')),
            (
                {'specs': {'vendor_id': '8086['}},
                ('vendor_id', '8086['),
            ),
            ({'specs': {'e.group': '(?=gpu)'}}, ('e.group', '(?=gpu)')),
            ({'specs': {'e.group': '\ud800'}}, ('e.group',)),
            ({'specs': {'e.group': 'x' * 70000}}, ('e.group', 'too long')),
            ({'specs': {'vendor_id': 8086}}, ('vendor_id', '8086', 'string')),
            ({'specs': {'vendor_id': None}}, ('vendor_id', 'string')),
            ({'specs': {'': '8086'}}, ("''",)),
            ({'specs': {'x' * 256: '8086'}}, ('255',)),
            (
                {'specs': {'device_id': '0001', 'product_id': '0002'}},
                ('product_id', 'device_id'),
            ),
            ({'specs': [{'vendor_id': '8086'}]}, ('specs', 'object')),
            # Other fields.
            ({'description': 5}, ('description', '5')),
            ({'description': 'x' * 70000}, ('description', 'too long')),
            ({'description': 'a\0b'}, ('description',)),
            ({'description': 'a\ud800b'}, ('description',)),
            ({'description': '\x1b[31mred'}, ('description',)),
            ({'description': 'two\nlines'}, ('description',)),
            ({'description': 'a\u202eb'}, ('description',)),
            ({'specs': {'vendor_id': '8086\n'}}, ('vendor_id',)),
            ({'is_public': 'yes'}, ('is_public', 'yes')),
            ({'live_migration': 'maybe'}, ('live_migration', 'maybe')),
            ({'color': 'red'}, ('color',)),
            ({'uuid': uuidsentinel.mine}, ('uuid',)),
            # Projects.
            ({'projects': [KNOWN]}, ('projects', 'public', 'is_public')),
            (
                {'projects': [KNOWN], 'is_public': True},
                ('projects', 'public'),
            ),
            (
                {'projects': [KNOWN, 'nosuch'], 'is_public': False},
                ('nosuch',),
            ),
            (
                {'projects': [KNOWN, KNOWN], 'is_public': False},
                ('projects', 'unique'),
            ),
            ({'projects': KNOWN, 'is_public': False}, ('projects', 'array')),
            (
                {
                    'projects': [f'p{n}' for n in range(101)],
                    'is_public': False,
                },
                ('projects', 'too long'),
            ),
            ({'projects': [''], 'is_public': False}, ('non-empty',)),
            ({'projects': ['a b'], 'is_public': False}, ('a b',)),
            ({'projects': [1], 'is_public': False}, ('1', 'string')),
        )
        for values, texts in cases:
            with self.subTest(values=str(values)[:80]):
                self.assert_refused(
                    400,
                    self.call(
                        'POST', PATH, {'pci_flavor': {'name': 'new'} | values}
                    ),
                    *texts,
                )
        self.assertEqual([], self.names())

    def test_refuses_invalid_bodies(self) -> None:
        for body in (
            None,
            b'',
            b'{"pci_flavor"',
            [],
            'GPU',
            1,
            [{'pci_flavor': {'name': 'new'}}],
            {},
            {'pci_flavor': None},
            {'pci_flavor': ['new']},
            {'pci_flavor': {}},
            {'flavor': {'name': 'new'}},
            {'pci_flavor': {'name': 'new'}, 'more': 1},
        ):
            with self.subTest(body=body):
                self.assert_refused(400, self.call('POST', PATH, body))
        self.assertEqual([], self.names())

    def test_creates_a_pci_flavor_with_projects(self) -> None:
        flavor = self.create('ours', is_public=False, projects=[KNOWN])
        self.assertNotIn('projects', flavor)
        self.assertEqual([KNOWN], db.get_by_name('ours').projects)
        self.create('none', is_public=False, projects=[])
        self.create('all', is_public=True, projects=[])

    def test_legacy_v2_ignores_unknown_keys(self) -> None:
        response = self.call(
            'POST',
            PATH,
            {'pci_flavor': {'name': 'bigGPU', 'color': 'red'}},
            legacy_v2=True,
        )
        self.assertEqual(201, response.status_int, response.text)

    def test_legacy_v2_checks_specs(self) -> None:
        for specs in ({'vendor_id': 8086}, {'': 'x'}, {'vendor_id': None}):
            with self.subTest(specs=specs):
                self.assert_refused(
                    400,
                    self.call(
                        'POST',
                        PATH,
                        {'pci_flavor': {'name': 'new', 'specs': specs}},
                        legacy_v2=True,
                    ),
                )
        self.assertEqual([], self.names())

    def test_refuses_users_other_than_the_admin(self) -> None:
        self.assert_refused(
            403,
            self.call(
                'POST',
                PATH,
                {'pci_flavor': {'name': 'new'}},
                context=self.context_of('member', 'reader'),
            ),
            'os-pci-flavors:create',
        )
        self.assertEqual([], self.names())


class ShowTestCase(PciFlavorsTestCase):
    def test_finds_a_pci_flavor_by_uuid_and_name(self) -> None:
        flavor = self.create('bigGPU', specs={'vendor_id': '8086'})
        self.assertEqual(flavor, self.show('bigGPU'))
        self.assertEqual(flavor, self.show(flavor['uuid']))
        self.assertEqual(flavor, self.show('bigGPU', self.reader))

    def test_finds_a_name_with_special_characters(self) -> None:
        flavor = self.create('10GE nic.v2 ü')
        self.assertEqual(flavor, self.show('10GE%20nic.v2%20%C3%BC'))

    def test_prefers_a_uuid_to_a_name(self) -> None:
        flavor = self.create('bigGPU')
        # The API refuses such names now.
        db.create(pci_flavor.PciFlavor(name=flavor['uuid']))
        self.assertEqual(flavor, self.show(flavor['uuid']))

    def test_links_have_the_project_of_the_path(self) -> None:
        flavor = self.create('bigGPU')
        response = self.call('GET', f'/{base.OWN_PROJECT}{PATH}/bigGPU')
        self.assertEqual(
            [
                {
                    'rel': 'self',
                    'href': f'http://localhost/v2.1/{base.OWN_PROJECT}'
                    f'{PATH}/{flavor["uuid"]}',
                },
                {
                    'rel': 'bookmark',
                    'href': f'http://localhost/{base.OWN_PROJECT}'
                    f'{PATH}/{flavor["uuid"]}',
                },
            ],
            response.json['pci_flavor']['links'],
        )

    def test_administrators_see_projects_with_access(self) -> None:
        self.create('public')
        self.create('ours', is_public=False, projects=[KNOWN])
        member = self.context_of('member', 'reader', project_id=KNOWN)
        for name, user, expected in (
            ('ours', self.context, [KNOWN]),
            ('ours', member, None),
            ('public', self.context, None),
        ):
            response = self.call('GET', f'{PATH}/{name}', context=user)
            self.assertEqual(200, response.status_int, response.text)
            self.assertEqual(
                expected, response.json['pci_flavor'].get('projects')
            )

    def test_unknown_pci_flavor_is_not_found(self) -> None:
        for id in ('nosuch', uuidsentinel.nosuch, '1'):
            self.assert_refused(404, self.call('GET', f'{PATH}/{id}'), id)

    def test_refuses_an_unknown_query_parameter(self) -> None:
        for path in (PATH, f'{PATH}/detail', f'{PATH}/0'):
            self.assert_refused(
                400, self.call('GET', f'{path}?color=red'), 'color'
            )

    def test_refuses_users_without_the_reader_role(self) -> None:
        self.create('bigGPU')
        other = self.context_of('something-else')
        for path in ('', '/detail', '/bigGPU', '/0'):
            self.assert_refused(
                403, self.call('GET', PATH + path, context=other)
            )


class AvailableAttributesTestCase(PciFlavorsTestCase):
    def test_shows_the_available_attributes(self) -> None:
        expected = {
            'uuid': '0',
            'name': '_flavor_attrs',
            'description': 'Available attributes for PCI flavors',
            'specs': {
                'dev_type': 'True',
                'e.group': 'True',
                'numa_node': 'True',
                'product_id': 'True',
                'vendor_id': 'True',
            },
        }
        self.assertEqual(expected, self.show('0', self.reader))
        self.assertEqual(expected, self.show('_flavor_attrs'))

    def test_shows_no_attributes_without_a_host(self) -> None:
        self.host.destroy()
        self.assertEqual({}, self.show('0')['specs'])

    def test_available_attributes_are_not_listed(self) -> None:
        self.assertEqual([], self.names())

    def test_refuses_to_change_the_available_attributes(self) -> None:
        for id in ('0', '_flavor_attrs'):
            self.assert_refused(400, self.call('DELETE', f'{PATH}/{id}'), id)
            self.assert_refused(
                400,
                self.call(
                    'PUT',
                    f'{PATH}/{id}',
                    {'pci_flavor': {'description': 'mine'}},
                ),
                id,
            )


class ListTestCase(PciFlavorsTestCase):
    def test_lists_pci_flavors(self) -> None:
        flavor = self.create('bigGPU', specs={'vendor_id': '8086'})
        response = self.call('GET', PATH)
        self.assertEqual(
            {
                'pci_flavors': [
                    {
                        key: flavor[key]
                        for key in ('uuid', 'name', 'description', 'links')
                    }
                ]
            },
            response.json,
        )

    def test_lists_pci_flavors_with_details(self) -> None:
        flavors = [
            self.create('bigGPU', specs={'vendor_id': '8086'}),
            self.create('smallGPU'),
        ]
        response = self.call('GET', f'{PATH}/detail')
        usage = {'total': 0, 'available': 0, 'allocated': 0}
        self.assertCountEqual(
            [flavor | {'usage': usage} for flavor in flavors],
            response.json['pci_flavors'],
        )

    def create_three(self) -> list[str]:
        """Create PCI flavors, and return their uuids."""
        return [
            self.create(name, is_public=is_public)['uuid']
            for name, is_public in (('c', True), ('a', False), ('b', True))
        ]

    def test_filters_and_sorts(self) -> None:
        self.create_three()
        for query, expected in (
            ('', ['a', 'b', 'c']),
            ('?is_public=true', ['b', 'c']),
            ('?is_public=False', ['a']),
            ('?name=c', ['c']),
            ('?name=c&is_public=false', []),
            ('?sort_key=name&sort_dir=desc', ['c', 'b', 'a']),
            (
                '?sort_key=is_public&sort_key=name&sort_dir=desc&sort_dir=asc',
                ['b', 'c', 'a'],
            ),
        ):
            for path in PATH, f'{PATH}/detail':
                self.assertEqual(expected, self.names(path=path + query))
        self.assertEqual([], self.names(self.reader, f'{PATH}?name=a'))
        for query in ('is_public=maybe', 'sort_key=specs', 'limit=-1'):
            self.assert_refused(400, self.call('GET', f'{PATH}?{query}'))

    def test_pages(self) -> None:
        c, a, b = self.create_three()
        for path in PATH, f'{PATH}/detail':
            page = self.call('GET', f'{path}?limit=2&sort_key=name').json
            self.assertEqual(
                [a, b], [each['uuid'] for each in page['pci_flavors']]
            )
            (link,) = page['pci_flavors_links']
            self.assertEqual(
                f'http://localhost/v2.1{path}?limit=2&sort_key=name&marker={b}',
                link['href'],
            )
            page = self.call('GET', f'{path}?limit=2&marker={b}').json
            self.assertEqual(
                [c], [each['uuid'] for each in page['pci_flavors']]
            )
            self.assertNotIn('pci_flavors_links', page)

    def test_page_goes_on_after_a_marker_outside_of_the_filter(self) -> None:
        _, a, _ = self.create_three()
        query = f'?is_public=true&marker={a}'
        self.assertEqual(['b', 'c'], self.names(path=PATH + query))
        # For users that do not see it there is no such marker.
        self.assert_refused(
            400, self.call('GET', PATH + query, context=self.reader), a
        )


class VisibilityTestCase(PciFlavorsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.create('public')
        self.create('private', is_public=False)

    def test_hides_private_pci_flavors_from_users(self) -> None:
        for path in (PATH, f'{PATH}/detail'):
            self.assertCountEqual(['public', 'private'], self.names(path=path))
            self.assertEqual(['public'], self.names(self.reader, path))
        self.assert_refused(
            404,
            self.call('GET', f'{PATH}/private', context=self.reader),
            'private',
        )

    def test_shows_private_pci_flavors_to_projects_with_access(self) -> None:
        db.create(
            pci_flavor.PciFlavor(
                name='ours',
                description=None,
                is_public=False,
                live_migration='forbid',
                specs={},
                projects=[base.OWN_PROJECT],
            )
        )
        self.assertCountEqual(['public', 'ours'], self.names(self.reader))
        self.assertEqual('ours', self.show('ours', self.reader)['name'])
        other = self.context_of('reader', project_id=base.OTHER_PROJECT)
        self.assertEqual(['public'], self.names(other))
        self.assert_refused(
            404, self.call('GET', f'{PATH}/ours', context=other)
        )


class UpdateTestCase(PciFlavorsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flavor = self.create(
            'bigGPU', specs={'vendor_id': '8086', 'product_id': '0001'}
        )

    def update(
        self, id: str = 'bigGPU', legacy_v2: bool = False, **values: Any
    ) -> webob.Response:
        return self.call(
            'PUT',
            f'{PATH}/{id}',
            {'pci_flavor': values},
            legacy_v2=legacy_v2,
        )

    def assert_changed(self, response: webob.Response, **values: Any) -> None:
        self.assertEqual(200, response.status_int, response.text)
        flavor = response.json['pci_flavor']
        timeutils.parse_isotime(flavor.pop('updated_at'))
        expected = self.flavor | values
        del expected['updated_at']
        self.assertEqual(expected, flavor)
        self.assertEqual(
            response.json['pci_flavor'], self.show(self.flavor['uuid'])
        )

    def test_updates_each_field(self) -> None:
        for field, value in {
            'description': 'changed',
            'is_public': False,
            'live_migration': 'native',
            'name': 'biggerGPU',
        }.items():
            response = self.update(self.flavor['uuid'], **{field: value})
            self.assert_changed(response, **{field: value})
            self.flavor[field] = value

    def test_updates_a_pci_flavor_by_name(self) -> None:
        self.assert_changed(
            self.update('bigGPU', description='changed'),
            description='changed',
        )

    def test_changes_adds_and_removes_specs(self) -> None:
        self.assert_changed(
            self.update(
                specs={
                    'product_id': '000[12]',
                    'e.group': 'gpu',
                    'vendor_id': None,
                }
            ),
            specs={'product_id': '000[12]', 'e.group': 'gpu'},
        )

    def test_removes_product_id_by_the_name_device_id(self) -> None:
        self.assert_changed(
            self.update(specs={'device_id': None}),
            specs={'vendor_id': '8086'},
        )

    def test_accepts_specs_of_unavailable_attributes(self) -> None:
        self.host.destroy()
        self.create_host('cell1', 'other', {**POOL, 'vendor_id': ''})
        self.flavor['description'] = 'changed'
        self.assert_changed(self.update(description='changed'))
        self.assert_changed(
            self.update(specs={'vendor_id': None}),
            specs={'product_id': '0001'},
        )

    def test_refuses_invalid_values(self) -> None:
        cases: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
            ({'name': '12'}, ('digits',)),
            ({'name': uuidsentinel.other}, ('reads as a uuid',)),
            ({'name': None}, ('name',)),
            ({'specs': {'e.color': 'red', 'vendor_id': None}}, ('e.color',)),
            (
                {'specs': {'product_id': '(', 'vendor_id': None}},
                ('product_id', '('),
            ),
            ({'specs': {'address': '*'}}, ('address',)),
            ({'specs': {'vendor_id': 1}}, ('vendor_id',)),
            ({'live_migration': None}, ('live_migration',)),
            ({'color': 'red'}, ('color',)),
            ({}, ()),
        )
        for values, texts in cases:
            with self.subTest(values=values):
                self.assert_refused(400, self.update(**values), *texts)
        self.assertEqual(self.flavor, self.show('bigGPU'))

    def test_invalid_value_changes_nothing(self) -> None:
        self.assert_refused(
            400,
            self.update(
                description='changed', specs={'vendor_id': '1', 'e.no': '1'}
            ),
        )
        self.assertEqual(self.flavor, self.show('bigGPU'))

    def test_refuses_an_existing_name(self) -> None:
        self.create('smallGPU')
        self.assert_refused(
            409, self.update(name='smallGPU', description='x'), 'smallGPU'
        )
        self.assertEqual(self.flavor, self.show('bigGPU'))

    def test_legacy_v2_ignores_unknown_keys(self) -> None:
        self.assert_changed(
            self.update(legacy_v2=True, color='red', description='new'),
            description='new',
        )
        self.assertEqual(
            200, self.update(legacy_v2=True, color='red').status_int
        )

    def test_unknown_pci_flavor_is_not_found(self) -> None:
        self.assert_refused(
            404, self.update('nosuch', description='x'), 'nosuch'
        )

    def test_refuses_users_other_than_the_admin(self) -> None:
        self.assert_refused(
            403,
            self.call(
                'PUT',
                f'{PATH}/bigGPU',
                {'pci_flavor': {'description': 'x'}},
                context=self.context_of('member', 'reader'),
            ),
        )
        self.assertEqual(self.flavor, self.show('bigGPU'))


class DeleteTestCase(PciFlavorsTestCase):
    def test_deletes_a_pci_flavor_by_uuid_and_name(self) -> None:
        uuid = self.create('bigGPU', specs={'vendor_id': '8086'})['uuid']
        self.create('smallGPU')
        for id in (uuid, 'smallGPU'):
            response = self.call('DELETE', f'{PATH}/{id}')
            self.assertEqual(204, response.status_int, response.text)
            self.assertEqual(b'', response.body)
            self.assert_refused(404, self.call('GET', f'{PATH}/{id}'))
        self.assertEqual([], self.names())

    def test_accepts_the_name_of_a_deleted_pci_flavor(self) -> None:
        self.create('bigGPU', specs={'vendor_id': '8086'})
        self.call('DELETE', f'{PATH}/bigGPU')
        self.assertEqual({}, self.create('bigGPU')['specs'])

    def test_unknown_pci_flavor_is_not_found(self) -> None:
        self.assert_refused(
            404, self.call('DELETE', f'{PATH}/nosuch'), 'nosuch'
        )

    def test_refuses_users_other_than_the_admin(self) -> None:
        self.create('bigGPU')
        self.assert_refused(
            403,
            self.call(
                'DELETE',
                f'{PATH}/bigGPU',
                context=self.context_of('member', 'reader'),
            ),
        )
        self.assertEqual(['bigGPU'], self.names())
