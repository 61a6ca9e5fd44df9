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

LIMITS = '/os-pci-flavors/bigGPU/limits'


class LimitTestCase(base.ShellTestCase):
    def setUp(self):
        super().setUp()
        project = {'id': uuids.demo, 'name': 'demo'}
        self.set_limits('PUT')
        self.api.responses.update(
            {
                f'GET /v3/projects/{uuids.demo}': (200, {'project': project}),
                f'GET /v3/projects/{uuids.deleted}': (404, {}),
                f'GET /v3/projects?name={uuids.deleted}': (
                    200,
                    {'projects': []},
                ),
            }
        )

    def set_limits(self, method, default=None, **projects):
        self.api.responses[f'{method} {LIMITS}'] = (
            200,
            {'pci_flavor_limits': {'default': default, 'projects': projects}},
        )

    def assert_sent(self, **limits):
        (sent,) = [
            (request, body)
            for request, body in self.api.requests
            if '/v3/' not in request
        ]
        self.assertEqual(
            (f'PUT {LIMITS}', {'pci_flavor_limits': limits}), sent
        )

    def run_limit(self, action, *arguments):
        return self.output_of('pci', 'flavor', 'limit', action, *arguments)

    def test_sets_the_default_limit(self):
        self.run_limit('set', 'bigGPU', '4')
        self.assert_sent(default=4)

    def test_sets_the_limit_of_a_project(self):
        self.run_limit('set', '--project', uuids.demo, 'bigGPU', 'unlimited')
        self.assert_sent(projects={uuids.demo: -1})

    def test_unsets_the_default_limit(self):
        self.run_limit('unset', 'bigGPU')
        self.assert_sent(default=None)

    def test_unsets_the_limit_of_a_deleted_project(self):
        self.run_limit('unset', '--project', uuids.deleted, 'bigGPU')
        self.assert_sent(projects={uuids.deleted: None})

    def test_refuses_invalid_limits(self):
        for text in ('many', '1.5', '٤'):
            self.assertIn(
                f'{text} is neither a number of devices nor "unlimited".',
                self.error_of('pci', 'flavor', 'limit', 'set', 'x', text),
            )
        self.assertEqual([], self.api.requests)

    def test_list(self):
        self.set_limits('GET', 4, b=-1, a=0)
        self.assertEqual(
            [
                {'Project ID': '', 'Limit': 4},
                {'Project ID': 'a', 'Limit': 0},
                {'Project ID': 'b', 'Limit': -1},
            ],
            self.json_of('pci', 'flavor', 'limit', 'list', 'bigGPU'),
        )

    def test_sorts_limits_as_numbers(self):
        self.set_limits('GET', 4, a=10, b=-1)
        text = self.run_limit(
            *('list', 'bigGPU', '--sort-column', 'Limit', '-f', 'value')
        )
        self.assertEqual(
            ['b -1', ' 4', 'a 10'],
            [line for line in text.splitlines() if line],
        )

    def test_table_has_a_word_for_unlimited(self):
        self.set_limits('GET', b=-1)
        self.assertIn('| unlimited |', self.run_limit('list', 'bigGPU'))

    def test_list_of_a_project(self):
        self.api.responses['GET /os-pci-limits'] = (
            200,
            {'pci_limits': [{'pci_flavor': 'big', 'limit': 4, 'used': 3}]},
        )
        self.assertEqual(
            [{'PCI Flavor': 'big', 'Limit': 4, 'Used': 3}],
            self.json_of('pci', 'limit', 'list'),
        )

    def test_list_of_another_project(self):
        path = f'GET /os-pci-limits?project_id={uuids.demo}'
        limit = {'pci_flavor': 'big', 'limit': -1, 'used': 0}
        self.api.responses[path] = 200, {'pci_limits': [limit]}
        self.assertIn(
            '| big        | unlimited |    0 |',
            self.output_of('pci', 'limit', 'list', '--project', uuids.demo),
        )

    def test_list_without_limits(self):
        self.set_limits('GET')
        self.assertEqual(
            [], self.json_of('pci', 'flavor', 'limit', 'list', 'bigGPU')
        )
