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

"""OS::Nova::PciAttachment in Heat's engine, with a fake compute service."""

from typing import Any

from pci_ext.tests import fake_compute
from pci_ext_heat.tests import base

SERVER = '3b5c1c5e-9a57-4c14-9f4a-6f4f6d0a3c11'
PATH = f'/servers/{SERVER}'
ACTION = f'GET {PATH}/os-instance-actions/{fake_compute.REQUEST_ID}'

ATTACHMENT = {
    'gpu': {
        'type': 'OS::Nova::PciAttachment',
        'properties': {'server': SERVER, 'request': '1:bigGPU'},
    }
}


def device(name: str) -> dict[str, Any]:
    return {
        'dev_id': name,
        'address': f'address of {name}',
        'vendor_id': '10de',
        'product_id': '20b0',
        'pci_flavor': 'bigGPU',
        'state': 'attached',
    }


def action(result: str | None, **event: Any) -> tuple[int, Any]:
    return 200, {
        'instanceAction': {
            'action': 'attach_pci',
            'request_id': fake_compute.REQUEST_ID,
            'events': [
                {'finish_time': result and '2026', 'result': result, **event}
            ],
        }
    }


def fault(status: int, message: str) -> tuple[int, Any]:
    return status, {'fault': {'message': message, 'code': status}}


class TestPciAttachment(base.StackTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api = self.use_fake_api()
        self.set_devices([], ['own'])
        self.set_tasks(None)
        self.set_actions((202, ''))
        self.set_results('Success')

    def set_devices(self, *lists: list[str]) -> None:
        """Set the devices of the server, in one request after the other."""
        self.api.responses[f'GET {PATH}/os-pci-devices'] = [
            (200, {'pci_devices': [device(name) for name in names]})
            for names in lists
        ]

    def set_tasks(self, *tasks: str | None) -> None:
        """Set the task states of the server."""
        self.api.responses[f'GET {PATH}'] = [
            (200, {'server': {'id': SERVER, 'OS-EXT-STS:task_state': task}})
            for task in tasks
        ]

    def set_actions(self, *answers: tuple[int, Any]) -> None:
        self.api.responses[f'POST {PATH}/action'] = list(answers)

    def set_results(self, *results: str | None) -> None:
        self.api.responses[ACTION] = [action(result) for result in results]

    def actions(self) -> list[Any]:
        """Return the bodies of the actions that the server got."""
        return [
            body
            for request, body in self.api.requests
            if request.startswith('POST')
        ]

    def count(self, request: str) -> int:
        return [each for each, _ in self.api.requests].count(request)

    def test_create_waits_for_the_end(self) -> None:
        self.set_results(None, None, 'Success')
        made = self.create(ATTACHMENT)
        self.assertComplete(made, 'CREATE')
        self.assertEqual(3, self.count(ACTION))
        self.assertEqual(
            [{'attach_pci': {'pci_passthrough:pci_flavor': '1:bigGPU'}}],
            self.actions(),
        )

    def test_create_failure_has_the_reason(self) -> None:
        self.api.responses[ACTION] = action('Error', details='no root port')
        made = self.create(ATTACHMENT)
        self.assertEqual(('CREATE', 'FAILED'), made.state)
        self.assertIn('no root port', made.status_reason)

    def test_create_waits_for_its_turn(self) -> None:
        self.set_tasks('attaching_pci', 'attaching_pci', None)
        self.assertComplete(self.create(ATTACHMENT), 'CREATE')
        self.assertEqual(3, self.count(f'GET {PATH}'))
        self.assertEqual(1, len(self.actions()))

    def test_create_waits_if_another_action_is_faster(self) -> None:
        self.set_actions(fault(409, 'in task_state'), (202, ''))
        self.set_tasks(None, 'attaching_pci', None)
        self.set_devices([], ['other'], ['other', 'own'])
        made = self.create(ATTACHMENT)
        self.assertComplete(made, 'CREATE')
        self.assertEqual(2, len(self.actions()))
        self.assertEqual(['own'], self.ids(made))

    def test_create_refused(self) -> None:
        self.set_actions(fault(409, 'no free device'))
        made = self.create(ATTACHMENT)
        self.assertEqual(('CREATE', 'FAILED'), made.state)
        self.assertIn('no free device', made.status_reason)
        self.assertEqual(1, len(self.actions()))

    def ids(self, made: Any) -> list[str]:
        return [each['dev_id'] for each in made['gpu'].FnGetAtt('devices')]

    def test_devices_are_its_own(self) -> None:
        self.set_devices(['boot'], ['boot', 'own'], ['boot', 'own', 'later'])
        made = self.create(ATTACHMENT)
        self.assertEqual([device('own')], made['gpu'].FnGetAtt('devices'))

    def test_delete_detaches_its_own(self) -> None:
        self.set_devices(['boot'], ['boot', 'own'])
        made = self.create(ATTACHMENT)
        self.api.requests.clear()
        self.set_tasks('detaching_pci', None)
        self.set_results(None, 'Success')
        made.delete()
        self.assertComplete(made, 'DELETE')
        self.assertEqual([{'detach_pci': [{'dev_id': 'own'}]}], self.actions())
        self.assertEqual(2, self.count(ACTION))

    def test_delete_without_devices(self) -> None:
        made = self.create(ATTACHMENT)
        self.api.requests.clear()
        self.set_devices(['other'])
        made.delete()
        self.assertComplete(made, 'DELETE')
        self.assertEqual([], self.actions())

    def test_delete_after_the_server(self) -> None:
        made = self.create(ATTACHMENT)
        self.api.responses.clear()
        made.delete()
        self.assertComplete(made, 'DELETE')

    def test_delete_after_a_refused_create(self) -> None:
        self.set_actions(fault(409, 'no free device'))
        made = self.create(ATTACHMENT)
        self.api.requests.clear()
        made.delete()
        self.assertComplete(made, 'DELETE')
        self.assertEqual([], self.api.requests)

    def test_delete_failure_has_the_reason(self) -> None:
        made = self.create(ATTACHMENT)
        self.api.responses[ACTION] = action('Error', details='in use')
        made.delete()
        self.assertEqual(('DELETE', 'FAILED'), made.state)
        self.assertIn('in use', made.status_reason)
