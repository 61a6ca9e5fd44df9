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

from openstack import exceptions
from oslo_utils.fixture import uuidsentinel as uuids

from pci_ext.tests.unit.sdk import base

FLAVOR = {
    'uuid': uuids.flavor,
    'name': 'bigGPU',
    'description': None,
    'is_public': False,
    'live_migration': 'forbid',
    'specs': {'vendor_id': '10de'},
    'projects': ['p1'],
    'usage': {'total': 3, 'available': 2, 'allocated': 1},
    'created_at': '2026-01-01T12:00:00Z',
    'updated_at': None,
    'links': [],
}
PATH = f'/os-pci-flavors/{uuids.flavor}'


class TestFlavor(base.ConnectionTestCase):
    def get(self):
        self.answer(f'GET {PATH}', {'pci_flavor': FLAVOR})
        flavor = self.conn.pci.get_flavor(uuids.flavor)
        self.api.requests.clear()
        return flavor

    def test_has_all_fields(self):
        flavor = self.get()
        self.assertEqual(uuids.flavor, flavor.id)
        for name in FLAVOR.keys() - {'uuid', 'links'}:
            self.assertEqual(FLAVOR[name], getattr(flavor, name))

    def test_lists_all_pages(self):
        other = {**FLAVOR, 'uuid': uuids.other, 'name': 'other'}
        query = 'is_public=True&name=x'
        self.answer(
            f'GET /os-pci-flavors/detail?{query}',
            {
                'pci_flavors': [FLAVOR],
                'pci_flavors_links': [
                    {
                        'rel': 'next',
                        'href': f'{self.api.endpoint}/os-pci-flavors/detail'
                        '?marker=m',
                    }
                ],
            },
        )
        self.answer(
            f'GET /os-pci-flavors/detail?{query}&marker=m',
            {'pci_flavors': [other]},
        )
        flavors = self.conn.pci.flavors(name='x', is_public=True)
        self.assertEqual(['bigGPU', 'other'], [each.name for each in flavors])

    def test_lists_without_details(self):
        self.answer('GET /os-pci-flavors', {'pci_flavors': []})
        self.assertEqual([], list(self.conn.pci.flavors(details=False)))

    def test_finds_by_name(self):
        self.answer(
            'GET /os-pci-flavors/big%23GPU%2F1', {'pci_flavor': FLAVOR}
        )
        flavor = self.conn.pci.find_flavor('big#GPU/1', ignore_missing=False)
        self.assertEqual(uuids.flavor, flavor.id)

    def test_finds_none(self):
        for path in ('/none', '?name=none'):
            self.answer(
                f'GET /os-pci-flavors{path}',
                {'pci_flavors': []},
                404 if path == '/none' else 200,
            )
        self.assertRaises(
            exceptions.NotFoundException,
            self.conn.pci.find_flavor,
            'none',
            ignore_missing=False,
        )

    def test_creates(self):
        body = {'name': 'bigGPU', 'specs': {'vendor_id': '10de'}}
        self.answer('POST /os-pci-flavors', {'pci_flavor': FLAVOR}, 201)
        flavor = self.conn.pci.create_flavor(**body)
        self.assertEqual(uuids.flavor, flavor.id)
        self.assertRequests(('POST /os-pci-flavors', {'pci_flavor': body}))

    def test_raises_the_message(self):
        self.answer(
            'POST /os-pci-flavors',
            {'conflictingRequest': {'message': 'exists', 'code': 409}},
            409,
        )
        error = self.assertRaises(
            exceptions.ConflictException,
            self.conn.pci.create_flavor,
            name='bigGPU',
        )
        self.assertIn('exists', str(error))

    def test_updates_by_uuid(self):
        changed = {**FLAVOR, 'specs': {}}
        self.answer(f'PUT {PATH}', {'pci_flavor': changed})
        flavor = self.conn.pci.update_flavor(
            uuids.flavor, specs={'vendor_id': None}
        )
        self.assertEqual({}, flavor.specs)
        self.assertRequests(
            (f'PUT {PATH}', {'pci_flavor': {'specs': {'vendor_id': None}}})
        )

    def test_updates_a_resource(self):
        flavor = self.get()
        self.answer(f'PUT {PATH}', {'pci_flavor': {**FLAVOR, 'name': 'new'}})
        flavor = self.conn.pci.update_flavor(flavor, name='new')
        self.assertEqual(uuids.flavor, flavor.id)
        self.assertRequests((f'PUT {PATH}', {'pci_flavor': {'name': 'new'}}))

    def test_deletes(self):
        self.answer(f'DELETE {PATH}', status=204)
        self.conn.pci.delete_flavor(uuids.flavor)
        self.assertRequests(f'DELETE {PATH}')

    def test_deletes_none(self):
        self.conn.pci.delete_flavor(uuids.none)
        self.assertRaises(
            exceptions.NotFoundException,
            self.conn.pci.delete_flavor,
            uuids.none,
            ignore_missing=False,
        )


class TestAccess(base.ConnectionTestCase):
    def test_lists(self):
        self.answer(
            f'GET {PATH}/access',
            {'pci_flavor_access': [{'project_id': 'p1'}]},
        )
        [access] = self.conn.pci.flavor_access(uuids.flavor)
        self.assertEqual('p1', access.project_id)

    def test_adds(self):
        body = {'pci_flavor_access': {'project_id': 'p1'}}
        self.answer(f'POST {PATH}/access', body)
        access = self.conn.pci.add_flavor_access(uuids.flavor, 'p1')
        self.assertEqual('p1', access.project_id)
        self.assertRequests((f'POST {PATH}/access', body))

    def test_removes(self):
        self.answer(f'DELETE {PATH}/access/p1', status=204)
        self.conn.pci.remove_flavor_access(uuids.flavor, 'p1')
        self.assertRequests(f'DELETE {PATH}/access/p1')

    def test_removes_none(self):
        self.assertRaises(
            exceptions.NotFoundException,
            self.conn.pci.remove_flavor_access,
            uuids.flavor,
            'p1',
            ignore_missing=False,
        )


class TestLimits(base.ConnectionTestCase):
    def test_gets(self):
        limits = {'default': 8, 'projects': {'p1': -1}}
        self.answer(f'GET {PATH}/limits', {'pci_flavor_limits': limits})
        shown = self.conn.pci.get_flavor_limits(uuids.flavor)
        self.assertEqual(8, shown.default)
        self.assertEqual({'p1': -1}, shown.projects)

    def test_updates(self):
        limits = {'default': None, 'projects': {'p1': None}}
        self.answer(
            f'PUT {PATH}/limits',
            {'pci_flavor_limits': {'default': None, 'projects': {}}},
        )
        shown = self.conn.pci.update_flavor_limits(uuids.flavor, **limits)
        self.assertEqual({}, shown.projects)
        self.assertRequests(
            (f'PUT {PATH}/limits', {'pci_flavor_limits': limits})
        )

    def test_lists_those_of_a_project(self):
        limit = {'pci_flavor': 'bigGPU', 'limit': -1, 'used': 2}
        for query in ('', '?project_id=p1'):
            self.answer(f'GET /os-pci-limits{query}', {'pci_limits': [limit]})
        for project in (None, 'p1'):
            [shown] = self.conn.pci.limits(project)
            self.assertEqual(
                ('bigGPU', -1, 2), (shown.pci_flavor, shown.limit, shown.used)
            )
        self.assertRequests(
            'GET /os-pci-limits', 'GET /os-pci-limits?project_id=p1'
        )


class TestEvaluate(base.ConnectionTestCase):
    def test_sends_the_request(self):
        hosts = [{'host': 'host-1', 'fits': True}]
        self.answer(
            'POST /os-pci-flavors/evaluate',
            {
                'evaluation': {
                    'request': '1:bigGPU',
                    'hosts': hosts,
                    'cells_down': [],
                }
            },
        )
        evaluation = self.conn.pci.evaluate('1:bigGPU')
        self.assertEqual(hosts, evaluation.hosts)
        self.assertEqual([], evaluation.cells_down)
        self.assertRequests(
            (
                'POST /os-pci-flavors/evaluate',
                {'evaluate': {'request': '1:bigGPU'}},
            )
        )
