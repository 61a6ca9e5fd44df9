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

ACTION = f'POST /servers/{uuids.server}/action'


class ActionTestCase(base.ShellTestCase):
    def setUp(self):
        super().setUp()
        self.api.answers[f'GET /servers/{uuids.server}'] = (
            200,
            {'server': {'id': uuids.server, 'name': 'web'}},
        )
        self.api.answers[ACTION] = (202, '')

    def sent(self):
        return [body for request, body in self.api.requests if body]


class TestAdd(ActionTestCase):
    def test_pci_flavors(self):
        self.output_of(
            *('server', 'add', 'pci', uuids.server),
            *('--pci-flavor', '1:IntelGPU,NvGPU', '--pci-flavor', 'QA'),
        )
        self.assertEqual(
            [
                {
                    'attach_pci': {
                        'pci_passthrough:pci_flavor': '1:IntelGPU,NvGPU;QA'
                    }
                }
            ],
            self.sent(),
        )

    def test_aliases_and_names(self):
        self.output_of(
            *('server', 'add', 'pci', uuids.server, '--alias', 'a1:2'),
            *('--name', '10GE', '--name', '10GE'),
        )
        self.assertEqual(
            [
                {
                    'attach_pci': {
                        'pci_passthrough:alias': 'a1:2',
                        'pci_passthrough:pci_name': '10GE,10GE',
                    }
                }
            ],
            self.sent(),
        )

    def test_nothing(self):
        self.assertIn(
            'Say what to attach',
            self.complaint_of('server', 'add', 'pci', uuids.server),
        )
        self.assertEqual([], self.sent())

    def test_refused(self):
        self.api.answers[ACTION] = (
            409,
            {'conflictingRequest': {'message': 'no free devices'}},
        )
        self.assertEqual(
            'no free devices\n',
            self.complaint_of(
                *('server', 'add', 'pci', uuids.server, '--alias', 'a1:2')
            ),
        )


class TestWait(ActionTestCase):
    def wait(self, **event):
        path = f'/servers/{uuids.server}/os-instance-actions/{base.REQUEST_ID}'
        event = {'finish_time': '2026-01-01T00:00:00', **event}
        self.api.answers[f'GET {path}'] = (
            200,
            {'instanceAction': {'events': [event]}},
        )
        return self.run_shell(
            *('server', 'add', 'pci', '--wait', uuids.server),
            *('--alias', 'a1:2'),
        )

    def test_success(self):
        code, _, stderr = self.wait(result='Success', details=None)
        self.assertEqual(0, code)
        self.assertIn('Complete', stderr)

    def test_error(self):
        code, _, stderr = self.wait(result='Error', details='in use')
        self.assertEqual(1, code)
        self.assertIn('in use', stderr)

    def test_error_without_details(self):
        code, _, stderr = self.wait(result='Error')
        self.assertEqual(1, code)
        self.assertIn('failed', stderr)


class TestRemove(ActionTestCase):
    def test_devices(self):
        self.output_of('server', 'remove', 'pci', uuids.server, 'one', 'two')
        self.assertEqual(
            [{'detach_pci': [{'dev_id': 'one'}, {'dev_id': 'two'}]}],
            self.sent(),
        )


class TestReattach(ActionTestCase):
    def test_server(self):
        self.output_of('server', 'pci', 'reattach', uuids.server)
        self.assertEqual([{'reattach_pci': None}], self.sent())
