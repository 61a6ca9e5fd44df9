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

ACTION = f'POST /servers/{uuids.server}/action'


class ActionTestCase(base.ShellTestCase):
    def setUp(self):
        super().setUp()
        self.api.responses[f'GET /servers/{uuids.server}'] = (
            200,
            {'server': {'id': uuids.server, 'name': 'web'}},
        )
        self.api.responses[ACTION] = (202, '')

    def sent(self):
        return [body for request, body in self.api.requests if body]


class TestAdd(ActionTestCase):
    def test_alias_without_a_count(self):
        for alias in ('a1', 'a1:', ':1', 'a1:1,a2', 'a1:one'):
            self.assertEqual(
                f"'{alias}' is not of the form <alias:count>.\n",
                self.error_of(
                    *('server', 'add', 'pci', uuids.server, '--alias', alias)
                ),
            )
        self.assertEqual([], self.sent())

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

    def test_refuses_a_command_without_devices(self):
        self.assertIn(
            'Nothing to attach',
            self.error_of('server', 'add', 'pci', uuids.server),
        )
        self.assertEqual([], self.sent())

    def test_prints_the_error_message_of_the_api(self):
        self.api.responses[ACTION] = (
            409,
            {'conflictingRequest': {'message': 'no free devices'}},
        )
        self.assertEqual(
            'no free devices\n',
            self.error_of(
                *('server', 'add', 'pci', uuids.server, '--alias', 'a1:2')
            ),
        )


class WaitTestCase(ActionTestCase):
    DEVICES = f'GET /servers/{uuids.server}/os-pci-devices'

    def end_action(self, **event):
        """Set the event with which the action ends."""
        path = (
            f'/servers/{uuids.server}/os-instance-actions/'
            f'{fake_compute.REQUEST_ID}'
        )
        event = {'finish_time': '2026-01-01T00:00:00', **event}
        self.api.responses[f'GET {path}'] = (
            200,
            {'instanceAction': {'events': [event]}},
        )

    def fail_action(self, details=None, **errors):
        """Make the action fail.

        :param errors: the last error of each device
        """
        self.end_action(result='Error', details=details)
        self.api.responses[self.DEVICES] = (
            200,
            {
                'pci_devices': [
                    {
                        'dev_id': dev_id,
                        'state': 'failed' if error else 'attached',
                        'last_error': error,
                    }
                    for dev_id, error in errors.items()
                ]
            },
        )

    def last_error_line(self, *arguments):
        return self.error_of(*arguments).splitlines()[-1]


class TestWaitForAttach(WaitTestCase):
    ADD = (
        *('server', 'add', 'pci', '--wait', uuids.server),
        *('--alias', 'a1:2'),
    )

    def test_success(self):
        self.end_action(result='Success', details=None)
        code, stdout, stderr = self.run_shell(*self.ADD)
        self.assertEqual((0, ''), (code, stdout))
        self.assertEqual('Complete\n', stderr)

    def test_success_prints_the_attached_devices(self):
        self.end_action(result='Success', details=None)
        before = [{'dev_id': 'pci_old'}, {}]
        after = [*before, {'dev_id': 'pci_one'}, {'dev_id': 'pci_two'}]

        class Devices(dict):
            """Those after the action, once it is sent."""

            def get(api, request, default=None):
                if request == self.DEVICES:
                    devices = after if self.sent() else before
                    return 200, {'pci_devices': devices}
                return super().get(request, default)

        self.api.responses = Devices(self.api.responses)
        self.assertEqual('pci_one\npci_two\n', self.output_of(*self.ADD))

    def test_error(self):
        self.fail_action('in use')
        self.assertEqual(
            f'in use (Request-ID: {fake_compute.REQUEST_ID})\n',
            self.error_of(*self.ADD),
        )

    def test_error_without_details(self):
        # An earlier failure is not the reason.
        self.fail_action(one='not detached')
        self.assertEqual(
            'The action failed. An administrator can see why: openstack '
            f'server event show (Request-ID: {fake_compute.REQUEST_ID})',
            self.last_error_line(*self.ADD),
        )


class TestWaitForDetach(WaitTestCase):
    REMOVE = 'server', 'remove', 'pci', '--wait', uuids.server, 'one', 'two'

    def test_error_of_the_devices(self):
        self.fail_action(one='late', two='late', three='other')
        self.assertEqual(
            f'late (Request-ID: {fake_compute.REQUEST_ID})',
            self.last_error_line(*self.REMOVE),
        )

    def test_error_with_details(self):
        self.fail_action('from the event', one='late')
        self.assertIn('from the event (', self.last_error_line(*self.REMOVE))

    def test_error_without_an_error_of_a_device(self):
        self.fail_action(one=None, two=None)
        self.assertIn('An administrator', self.last_error_line(*self.REMOVE))

    def test_error_if_devices_are_not_shown(self):
        self.fail_action()
        self.api.responses[self.DEVICES] = (
            403,
            {'forbidden': {'message': 'Policy'}},
        )
        self.assertIn('An administrator', self.last_error_line(*self.REMOVE))


class TestWaitForReattach(WaitTestCase):
    def test_error_of_the_devices(self):
        self.fail_action(one='full', two='in use', three=None)
        self.assertEqual(
            f'full; in use (Request-ID: {fake_compute.REQUEST_ID})',
            self.last_error_line(
                'server', 'pci', 'reattach', '--wait', uuids.server
            ),
        )


class TestRemove(ActionTestCase):
    def test_devices(self):
        self.output_of('server', 'remove', 'pci', uuids.server, 'one', 'two')
        self.assertEqual(
            [{'detach_pci': [{'dev_id': 'one'}, {'dev_id': 'two'}]}],
            self.sent(),
        )

    def test_addresses(self):
        self.api.responses[f'GET /servers/{uuids.server}/os-pci-devices'] = (
            200,
            {
                'pci_devices': [
                    {'dev_id': 'one', 'address': '0000:0a:00.1'},
                    {'dev_id': 'two', 'address': '10000:0a:00.2'},
                ]
            },
        )
        self.output_of(
            *('server', 'remove', 'pci', uuids.server, '0000:0A:00.1'),
            *('10000:0a:00.2', 'three', '0000:0b:00.0'),
        )
        ids = ['one', 'two', 'three', '0000:0b:00.0']
        self.assertEqual(
            [{'detach_pci': [{'dev_id': dev_id} for dev_id in ids]}],
            self.sent(),
        )


class TestReattach(ActionTestCase):
    def test_server(self):
        self.output_of('server', 'pci', 'reattach', uuids.server)
        self.assertEqual([{'reattach_pci': None}], self.sent())
