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

"""OS::Nova::PciFlavor in Heat's engine, with a fake compute service."""

from typing import Any

from heat.common import exception
from heat.engine import resources

from pci_ext_heat.tests import base

UUID = '996ad860-2a9a-504f-8861-aeafd0b2ae29'
PATH = f'/os-pci-flavors/{UUID}'

USAGE = {'total': 3, 'available': 2, 'allocated': 1}


def gpu(**properties: Any) -> base.Resources:
    return {
        'gpu': {
            'type': 'OS::Nova::PciFlavor',
            'properties': {'specs': {'vendor_id': '10de'}, **properties},
        }
    }


class TestPciFlavor(base.StackTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api = self.use_fake_api()
        self.answer(name='bigGPU')
        self.api.responses[f'DELETE {PATH}'] = 204, None

    def answer(self, **fields: Any) -> None:
        """Set the PCI flavor in the answers."""
        body = {
            'pci_flavor': {
                'uuid': UUID,
                'is_public': True,
                'specs': {'vendor_id': '10de'},
                'usage': USAGE,
                **fields,
            }
        }
        for request, status in (
            ('POST /os-pci-flavors', 201),
            (f'GET {PATH}', 200),
            (f'PUT {PATH}', 200),
        ):
            self.api.responses[request] = status, body

    def sent(self, method: str) -> list[Any]:
        """Return the bodies of the requests of a method."""
        return [
            body
            for request, body in self.api.requests
            if request.startswith(method)
        ]

    def test_create(self) -> None:
        made = self.create(
            gpu(name='bigGPU', description='d', live_migration='hotplug')
        )
        self.assertComplete(made, 'CREATE')
        self.assertEqual(UUID, made['gpu'].resource_id)
        expected = {
            'name': 'bigGPU',
            'description': 'd',
            'is_public': True,
            'live_migration': 'hotplug',
            'specs': {'vendor_id': '10de'},
        }
        self.assertEqual([{'pci_flavor': expected}], self.sent('POST'))

    def test_create_names_it_by_the_stack(self) -> None:
        made = self.create(gpu())
        self.assertEqual(
            made['gpu'].physical_resource_name(),
            self.sent('POST')[0]['pci_flavor']['name'],
        )

    def test_create_private(self) -> None:
        made = self.create(gpu(is_public=False, projects=['p1']))
        self.assertComplete(made, 'CREATE')
        values = self.sent('POST')[0]['pci_flavor']
        self.assertIs(False, values['is_public'])
        self.assertEqual(['id-of-p1'], values['projects'])

    def test_create_failure_has_the_message(self) -> None:
        fault = {'conflictingRequest': {'message': 'exists', 'code': 409}}
        self.api.responses['POST /os-pci-flavors'] = 409, fault
        made = self.create(gpu())
        self.assertEqual(('CREATE', 'FAILED'), made.state)
        self.assertIn('exists', made.status_reason)

    def test_refuses_projects_of_a_public_one(self) -> None:
        error = self.assertRaises(
            exception.ResourcePropertyValueDependency,
            self.create,
            gpu(projects=['p1']),
        )
        self.assertIn('is_public with value False', str(error))

    def test_refuses_another_policy_of_live_migration(self) -> None:
        error = self.assertRaises(
            exception.StackValidationFailed,
            self.create,
            gpu(live_migration='always'),
        )
        self.assertIn('"always" is not an allowed value', str(error))

    def test_attributes(self) -> None:
        made = self.create(gpu(name='bigGPU'))
        for name, value in (
            ('name', 'bigGPU'),
            ('specs', {'vendor_id': '10de'}),
            ('usage', USAGE),
        ):
            self.assertEqual(value, made['gpu'].FnGetAtt(name))
        self.assertEqual(UUID, made['gpu'].FnGetAtt('show')['id'])

    def test_update(self) -> None:
        made = self.create(gpu(name='bigGPU', description='d'))
        self.update(made, gpu(name='new', specs={'product_id': '20b0'}))
        self.assertComplete(made, 'UPDATE')
        self.assertEqual(UUID, made['gpu'].resource_id)
        values = {
            'name': 'new',
            'description': None,
            'specs': {'vendor_id': None, 'product_id': '20b0'},
        }
        self.assertEqual([{'pci_flavor': values}], self.sent('PUT'))

    def test_update_of_projects(self) -> None:
        self.answer(is_public=False)
        made = self.create(gpu(is_public=False, projects=['p1', 'p2']))
        access = f'{PATH}/access'
        self.api.responses |= {
            f'GET {access}': (
                200,
                {
                    'pci_flavor_access': [
                        {'project_id': 'id-of-p1'},
                        {'project_id': 'id-of-p2'},
                    ]
                },
            ),
            f'POST {access}': (
                201,
                {'pci_flavor_access': {'project_id': 'id-of-p3'}},
            ),
            f'DELETE {access}/id-of-p1': (204, None),
        }
        self.api.requests.clear()
        self.update(made, gpu(is_public=False, projects=['p2', 'p3']))
        self.assertComplete(made, 'UPDATE')
        self.assertEqual(
            [{'pci_flavor_access': {'project_id': 'id-of-p3'}}],
            self.sent('POST'),
        )
        self.assertEqual(1, len(self.sent('DELETE')))
        self.assertEqual([], self.sent('PUT'))

    def test_update_to_public(self) -> None:
        made = self.create(gpu(is_public=False, projects=['p1']))
        self.update(made, gpu())
        self.assertComplete(made, 'UPDATE')
        self.assertEqual(
            [{'pci_flavor': {'is_public': True}}], self.sent('PUT')
        )

    def test_delete(self) -> None:
        for status in (204, 404):
            self.api.responses[f'DELETE {PATH}'] = status, {}
            made = self.create(gpu(), name=f'stack-{status}')
            self.api.requests.clear()
            made.delete()
            self.assertComplete(made, 'DELETE')
            self.assertEqual([(f'DELETE {PATH}', None)], self.api.requests)


class TestConstraint(base.StackTestCase):
    def test_a_parameter_names_a_pci_flavor(self) -> None:
        api = self.use_fake_api()
        api.responses |= {
            'GET /os-pci-flavors/bigGPU': (
                200,
                {'pci_flavor': {'uuid': UUID, 'name': 'bigGPU'}},
            ),
            'GET /os-pci-flavors?name=none': (200, {'pci_flavors': []}),
        }
        found = resources.global_env().get_constraint('nova.pci_flavor')
        self.assertTrue(found().validate('bigGPU', self.context))
        refused = found()
        self.assertFalse(refused.validate('none', self.context))
        self.assertIn('none', refused.error('none'))
