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

from pci_ext.tests import fake_compute
from pci_ext.tests.unit.client import base

BASIC = {
    'uuid': uuids.gpu,
    'name': 'bigGPU',
    'description': 'on-die GPU',
    'links': [],
}
FULL = {
    **BASIC,
    'is_public': True,
    'live_migration': 'forbid',
    'specs': {'vendor_id': '8086', 'product_id': '000[1-2]'},
    'created_at': '2026-01-01T00:00:00Z',
    'updated_at': None,
}


def fault(code, message):
    return code, {'someFault': {'code': code, 'message': message}}


USAGE = {'total': 4, 'available': 1, 'allocated': 3}


class TestCreate(base.ShellTestCase):
    def create(self, *options):
        self.api.responses['POST /os-pci-flavors'] = (
            201,
            {'pci_flavor': FULL},
        )
        shown = self.json_of('pci', 'flavor', 'create', 'bigGPU', *options)
        [(_, body)] = self.api.requests
        return body['pci_flavor'], shown

    def test_sends_only_specified_fields(self):
        sent, _ = self.create()
        self.assertEqual({'name': 'bigGPU'}, sent)

    def test_sends_every_option(self):
        sent, _ = self.create(
            *('--description', 'on-die GPU', '--private'),
            *('--live-migration', 'hotplug'),
            *('--property', 'vendor_id=8086', '--property', 'e.expr=a=b'),
        )
        self.assertEqual(
            {
                'name': 'bigGPU',
                'description': 'on-die GPU',
                'is_public': False,
                'live_migration': 'hotplug',
                'specs': {'vendor_id': '8086', 'e.expr': 'a=b'},
            },
            sent,
        )

    def test_sends_the_option_public(self):
        sent, _ = self.create('--public')
        self.assertEqual({'name': 'bigGPU', 'is_public': True}, sent)

    def test_shows_the_created_flavor(self):
        _, shown = self.create()
        self.assertEqual(
            {
                'id': uuids.gpu,
                'name': 'bigGPU',
                'description': 'on-die GPU',
                'is_public': True,
                'live_migration': 'forbid',
                'properties': {'vendor_id': '8086', 'product_id': '000[1-2]'},
                'created_at': '2026-01-01T00:00:00Z',
                'updated_at': None,
            },
            shown,
        )

    def test_bad_options_send_no_request(self):
        for options in (
            ('--public', '--private'),
            ('--live-migration', 'maybe'),
            ('--property', 'vendor_id'),
            ('--property', '=8086'),
        ):
            self.error_of('pci', 'flavor', 'create', 'bigGPU', *options)
        self.assertEqual([], self.api.requests)

    def test_prints_the_error_message_of_the_api(self):
        self.api.responses['POST /os-pci-flavors'] = fault(
            409, 'A PCI flavor named bigGPU already exists.'
        )
        self.assertEqual(
            'A PCI flavor named bigGPU already exists.\n',
            self.error_of('pci', 'flavor', 'create', 'bigGPU'),
        )


class TestList(base.ShellTestCase):
    def test_short(self):
        self.api.responses['GET /os-pci-flavors'] = (
            200,
            {'pci_flavors': [BASIC]},
        )
        self.assertEqual(
            [
                {
                    'ID': uuids.gpu,
                    'Name': 'bigGPU',
                    'Description': 'on-die GPU',
                }
            ],
            self.json_of('pci', 'flavor', 'list'),
        )

    def test_long(self):
        self.api.responses['GET /os-pci-flavors/detail'] = (
            200,
            {'pci_flavors': [FULL | {'usage': USAGE}]},
        )
        self.assertEqual(
            [
                {
                    'ID': uuids.gpu,
                    'Name': 'bigGPU',
                    'Description': 'on-die GPU',
                    'Is Public': True,
                    'Live Migration': 'forbid',
                    'Properties': FULL['specs'],
                    'Usage': USAGE,
                }
            ],
            self.json_of('pci', 'flavor', 'list', '--long'),
        )

    def test_long_for_users_who_may_not_see_the_usage(self):
        self.api.responses['GET /os-pci-flavors/detail'] = (
            200,
            {'pci_flavors': [FULL]},
        )
        (row,) = self.json_of('pci', 'flavor', 'list', '--long')
        self.assertEqual({}, row['Usage'])

    def test_sends_filters_and_sort_keys(self):
        self.api.responses[
            'GET /os-pci-flavors?sort_key=name&sort_dir=desc&is_public=false'
        ] = (200, {'pci_flavors': [BASIC]})
        (row,) = self.json_of(
            *('pci', 'flavor', 'list', '--private', '--sort', 'name:desc')
        )
        self.assertEqual(uuids.gpu, row['ID'])

    def test_lists_all_pages(self):
        last = BASIC | {'uuid': uuids.last}
        for path, flavors, more in (
            ('/os-pci-flavors/detail', [FULL], {'pci_flavors_links': []}),
            (f'/os-pci-flavors/detail?marker={uuids.gpu}', [FULL | last], {}),
            (
                f'/os-pci-flavors?marker={uuids.before}&limit=1',
                [BASIC],
                {'pci_flavors_links': []},
            ),
        ):
            self.api.responses[f'GET {path}'] = (
                200,
                {'pci_flavors': flavors, **more},
            )
        self.assertEqual(
            [uuids.gpu, uuids.last],
            [
                row['ID']
                for row in self.json_of('pci', 'flavor', 'list', '--long')
            ],
        )
        (row,) = self.json_of(
            *('pci', 'flavor', 'list', '--limit', '1'),
            *('--marker', uuids.before),
        )
        self.assertEqual(uuids.gpu, row['ID'])

    def test_explains_a_compute_service_without_pci_flavors(self):
        error = self.error_of('pci', 'flavor', 'list')
        self.assertIn('it seems to be without PCI flavors', error)
        self.assertIn('"pci-ext-status upgrade check"', error)

    def test_prints_the_request_of_an_unexpected_error(self):
        self.api.responses['GET /os-pci-flavors'] = (
            500,
            {'computeFault': {'message': 'Unexpected API Error.'}},
        )
        self.assertEqual(
            f'Unexpected API Error. (Request-ID: {fake_compute.REQUEST_ID})\n',
            self.error_of('pci', 'flavor', 'list'),
        )

    def test_prints_the_status_of_a_response_without_a_message(self):
        self.api.responses['GET /os-pci-flavors'] = (503, '<h1>Busy</h1>')
        self.assertEqual(
            'The compute service refused the request (HTTP 503).\n',
            self.error_of('pci', 'flavor', 'list'),
        )


class TestShow(base.ShellTestCase):
    def show(self, name, path):
        self.api.responses[f'GET {path}'] = (200, {'pci_flavor': FULL})
        return self.json_of('pci', 'flavor', 'show', name)

    def test_by_name(self):
        shown = self.show('bigGPU', '/os-pci-flavors/bigGPU')
        self.assertEqual(FULL['specs'], shown['properties'])

    def test_usage_in_a_table(self):
        self.api.responses['GET /os-pci-flavors/bigGPU'] = (
            200,
            {'pci_flavor': FULL | {'usage': USAGE}},
        )
        self.assertIn(
            "allocated='3', available='1', total='4'",
            self.output_of('pci', 'flavor', 'show', 'bigGPU'),
        )

    def test_properties_in_a_table(self):
        self.api.responses['GET /os-pci-flavors/bigGPU'] = (
            200,
            {'pci_flavor': FULL},
        )
        self.assertIn(
            "product_id='000[1-2]', vendor_id='8086'",
            self.output_of('pci', 'flavor', 'show', 'bigGPU'),
        )

    def test_by_uuid(self):
        shown = self.show(uuids.gpu, f'/os-pci-flavors/{uuids.gpu}')
        self.assertEqual('bigGPU', shown['name'])

    def test_quotes_special_characters_in_the_url(self):
        shown = self.show(
            'a b?c#dü%', '/os-pci-flavors/a%20b%3Fc%23d%C3%BC%25'
        )
        self.assertEqual('bigGPU', shown['name'])

    def test_name_that_is_invalid_in_a_path_is_not_found(self):
        for name in ('a/b', '.', '..', 'detail'):
            self.assertEqual(
                f'PCI flavor {name} could not be found.\n',
                self.error_of('pci', 'flavor', 'show', name),
            )

    def test_refuses_an_empty_name(self):
        for command in ('show', 'delete'):
            self.assertIn(
                'The name or ID of the PCI flavor is empty.\n',
                self.error_of('pci', 'flavor', command, ''),
            )
        self.assertEqual([], self.api.requests)

    def test_shows_projects_with_access(self):
        private = FULL | {'is_public': False, 'projects': [uuids.project]}
        self.api.responses['GET /os-pci-flavors/bigGPU'] = (
            200,
            {'pci_flavor': private},
        )
        shown = self.json_of('pci', 'flavor', 'show', 'bigGPU')
        self.assertEqual([uuids.project], shown['access_project_ids'])

    def test_shows_the_available_attributes(self):
        self.api.responses['GET /os-pci-flavors/0'] = (
            200,
            {
                'pci_flavor': {
                    'uuid': '0',
                    'name': '_flavor_attrs',
                    'description': 'Available attributes',
                    'specs': {'e.group': 'True'},
                }
            },
        )
        self.assertEqual(
            {
                'id': '0',
                'name': '_flavor_attrs',
                'description': 'Available attributes',
                'properties': {'e.group': 'True'},
            },
            self.json_of('pci', 'flavor', 'show', '0'),
        )

    def test_unknown_name(self):
        self.api.responses['GET /os-pci-flavors/gpu'] = fault(
            404, 'PCI flavor gpu could not be found.'
        )
        self.assertEqual(
            'PCI flavor gpu could not be found.\n',
            self.error_of('pci', 'flavor', 'show', 'gpu'),
        )


class TestSet(base.ShellTestCase):
    def setUp(self):
        super().setUp()
        self.api.responses['PUT /os-pci-flavors/bigGPU'] = (
            200,
            {'pci_flavor': FULL},
        )

    def set(self, *options):
        self.output_of('pci', 'flavor', 'set', 'bigGPU', *options)
        return self.api.requests.pop()

    def test_sends_only_specified_fields(self):
        for options, values in (
            (('--name', 'GPU'), {'name': 'GPU'}),
            (('--description', ''), {'description': None}),
            (('--public',), {'is_public': True}),
            (('--private',), {'is_public': False}),
            (('--live-migration', 'native'), {'live_migration': 'native'}),
            (
                ('--property', 'e.group=gpu', '--property', 'vendor_id=*'),
                {'specs': {'e.group': 'gpu', 'vendor_id': '*'}},
            ),
        ):
            self.assertEqual(
                ('PUT /os-pci-flavors/bigGPU', {'pci_flavor': values}),
                self.set(*options),
            )

    def test_no_property_removes_all_or_replaces_them(self):
        self.api.responses['GET /os-pci-flavors/bigGPU'] = (
            200,
            {'pci_flavor': FULL},
        )
        for options, specs in (
            ((), {'vendor_id': None, 'product_id': None}),
            (
                ('--property', 'e.group=gpu', '--property', 'vendor_id=1002'),
                {'vendor_id': '1002', 'product_id': None, 'e.group': 'gpu'},
            ),
        ):
            self.assertEqual(
                (
                    'PUT /os-pci-flavors/bigGPU',
                    {'pci_flavor': {'specs': specs}},
                ),
                self.set('--no-property', *options),
            )

    def test_refuses_a_command_without_options(self):
        self.assertIn(
            'Nothing to set.',
            self.error_of('pci', 'flavor', 'set', 'bigGPU'),
        )
        self.assertEqual([], self.api.requests)

    def test_prints_the_error_message_of_the_api(self):
        self.api.responses['PUT /os-pci-flavors/bigGPU'] = fault(
            400, 'Invalid pattern for vendor_id.'
        )
        self.assertEqual(
            'Invalid pattern for vendor_id.\n',
            self.error_of(
                'pci', 'flavor', 'set', 'bigGPU', '--property', 'vendor_id=('
            ),
        )


class TestUnset(base.ShellTestCase):
    def test_sends_null_for_properties(self):
        self.api.responses['PUT /os-pci-flavors/bigGPU'] = (
            200,
            {'pci_flavor': FULL},
        )
        self.output_of(
            *('pci', 'flavor', 'unset', 'bigGPU'),
            *('--property', 'e.group', '--property', 'class'),
        )
        self.assertEqual(
            [
                (
                    'PUT /os-pci-flavors/bigGPU',
                    {
                        'pci_flavor': {
                            'specs': {'e.group': None, 'class': None}
                        }
                    },
                )
            ],
            self.api.requests,
        )

    def test_refuses_a_command_without_options(self):
        self.assertIn(
            '--property', self.error_of('pci', 'flavor', 'unset', 'bigGPU')
        )
        self.assertEqual([], self.api.requests)

    def test_refuses_an_empty_property(self):
        self.assertEqual(
            'The key of a property is empty.\n',
            self.error_of(*('pci', 'flavor', 'unset', 'x', '--property', '')),
        )
        self.assertEqual([], self.api.requests)


class TestDelete(base.ShellTestCase):
    def test_deletes_several(self):
        for name in 'ab':
            self.api.responses[f'DELETE /os-pci-flavors/{name}'] = (204, '')
        self.assertEqual(
            '', self.output_of('pci', 'flavor', 'delete', 'a', 'b')
        )
        self.assertEqual(
            ['DELETE /os-pci-flavors/a', 'DELETE /os-pci-flavors/b'],
            [request for request, _ in self.api.requests],
        )

    def test_deletes_the_others_and_counts_failures(self):
        self.api.responses['DELETE /os-pci-flavors/b'] = (204, '')
        for name in 'ac':
            self.api.responses[f'DELETE /os-pci-flavors/{name}'] = fault(
                404, f'PCI flavor {name} could not be found.'
            )
        stderr = self.error_of('pci', 'flavor', 'delete', *'abc')
        self.assertIn(
            "Failed to delete PCI flavor 'a': "
            'PCI flavor a could not be found.',
            stderr,
        )
        self.assertTrue(
            stderr.endswith('2 of 3 PCI flavors failed to delete.\n'),
            stderr,
        )
        self.assertEqual(3, len(self.api.requests))
