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

ACCESS = '/os-pci-flavors/bigGPU/access'


def fault(code, message):
    return code, {'someFault': {'code': code, 'message': message}}


class AccessTestCase(base.ShellTestCase):
    def setUp(self):
        super().setUp()
        self.set_responses(
            {
                'GET /v3/projects/demo': fault(404, 'No such project.'),
                f'GET /v3/projects/{uuids.demo}': self.project(),
                'GET /v3/projects?name=demo': self.projects(uuids.demo),
                'GET /v3/projects?name=nosuch': self.projects(),
                f'POST {ACCESS}': (
                    201,
                    {'pci_flavor_access': {'project_id': uuids.demo}},
                ),
                f'DELETE {ACCESS}/{uuids.demo}': (204, ''),
            }
        )

    def set_responses(self, responses):
        self.api.responses.update(responses)

    @staticmethod
    def project():
        return 200, {'project': {'id': uuids.demo, 'name': 'demo'}}

    @staticmethod
    def projects(*ids, name='demo'):
        return 200, {'projects': [{'id': each, 'name': name} for each in ids]}

    def sent(self):
        """Return the requests to the compute service."""
        return [
            (request, body)
            for request, body in self.api.requests
            if '/v3/' not in request
        ]


class TestAdd(AccessTestCase):
    def add(self, *arguments):
        return self.output_of(
            'pci', 'flavor', 'access', 'add', 'bigGPU', *arguments
        )

    def error_of_add(self, *arguments):
        return self.error_of(
            'pci', 'flavor', 'access', 'add', 'bigGPU', *arguments
        )

    def assert_added(self, project_id):
        self.assertEqual(
            [
                (
                    f'POST {ACCESS}',
                    {'pci_flavor_access': {'project_id': project_id}},
                )
            ],
            self.sent(),
        )

    def test_project_by_name(self):
        self.assertEqual('', self.add('demo'))
        self.assert_added(uuids.demo)

    def test_project_by_id(self):
        self.add(uuids.demo)
        self.assert_added(uuids.demo)

    def test_project_by_name_and_domain(self):
        self.set_responses(
            {
                'GET /v3/domains?name=eng': (
                    200,
                    {'domains': [{'id': uuids.eng, 'name': 'eng'}]},
                ),
                'GET /v3/projects?name=demo': self.projects(
                    uuids.demo, uuids.other
                ),
                f'GET /v3/projects?domain_id={uuids.eng}&name=demo': (
                    self.projects(uuids.demo)
                ),
            }
        )
        self.add('demo', '--project-domain', 'eng')
        self.assert_added(uuids.demo)

    def test_refuses_an_unknown_project(self):
        self.assertEqual(
            'Project nosuch could not be found.\n',
            self.error_of_add('nosuch'),
        )
        self.assertEqual([], self.sent())

    def test_refuses_an_empty_project(self):
        for action in ('add', 'remove'):
            self.assertEqual(
                'The name or ID of the project is empty.\n',
                self.error_of(
                    *('pci', 'flavor', 'access', action, 'bigGPU', '')
                ),
            )
        self.assertEqual([], self.api.requests)

    def test_refuses_an_ambiguous_project_name(self):
        self.set_responses(
            {
                'GET /v3/projects?name=demo': self.projects(
                    uuids.demo, uuids.other
                )
            }
        )
        self.assertIn(
            'There are several projects named demo',
            self.error_of_add('demo'),
        )
        self.assertEqual([], self.sent())

    def test_uses_the_id_if_the_identity_service_forbids_the_lookup(self):
        self.set_responses(
            {
                f'GET /v3/projects/{uuids.demo}': fault(403, 'No.'),
                f'GET /v3/projects?name={uuids.demo}': fault(403, 'No.'),
            }
        )
        self.add(uuids.demo)
        self.assert_added(uuids.demo)

    def test_prints_the_error_message_of_the_api(self):
        self.set_responses(
            {
                f'POST {ACCESS}': fault(
                    409,
                    'PCI flavor bigGPU is public: all projects have access '
                    'to it.',
                )
            }
        )
        self.assertEqual(
            'PCI flavor bigGPU is public: all projects have access to it.\n',
            self.error_of_add('demo'),
        )


class TestRemove(AccessTestCase):
    def remove(self, project):
        self.output_of('pci', 'flavor', 'access', 'remove', 'bigGPU', project)

    def test_project_by_name(self):
        self.remove('demo')
        self.assertEqual(
            [(f'DELETE {ACCESS}/{uuids.demo}', None)], self.sent()
        )

    def test_removes_a_deleted_project(self):
        self.set_responses({f'DELETE {ACCESS}/nosuch': (204, '')})
        self.remove('nosuch')
        self.assertEqual([(f'DELETE {ACCESS}/nosuch', None)], self.sent())


class TestList(AccessTestCase):
    def test_list(self):
        self.set_responses(
            {
                f'GET {ACCESS}': (
                    200,
                    {'pci_flavor_access': [{'project_id': uuids.demo}]},
                )
            }
        )
        self.assertEqual(
            [{'Project ID': uuids.demo}],
            self.json_of('pci', 'flavor', 'access', 'list', 'bigGPU'),
        )


class TestCreate(AccessTestCase):
    def test_creates_with_projects(self):
        self.set_responses(
            {
                'POST /os-pci-flavors': (
                    201,
                    {'pci_flavor': {'name': 'bigGPU', 'specs': {}}},
                ),
                'GET /v3/projects?name=test': self.projects(
                    uuids.test, name='test'
                ),
            }
        )
        self.output_of(
            *('pci', 'flavor', 'create', 'bigGPU', '--private'),
            *('--project', 'demo', '--project', 'test'),
        )
        [(_, body)] = self.sent()
        self.assertEqual(
            {
                'name': 'bigGPU',
                'is_public': False,
                'projects': [uuids.demo, uuids.test],
            },
            body['pci_flavor'],
        )

    def test_refuses_projects_without_private(self):
        for options in ((), ('--public',)):
            self.assertEqual(
                '--project is only allowed with --private.\n',
                self.error_of(
                    *('pci', 'flavor', 'create', 'bigGPU', *options),
                    *('--project', 'demo'),
                ),
            )
        self.assertEqual([], self.api.requests)
