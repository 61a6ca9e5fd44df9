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

"""nova-api is killed between the task state and the call of the host."""

import json
from typing import Any

from pci_ext.tests.functional import killed_api
from pci_ext.tests.functional import test_attach


class TestStaleOperations(test_attach.AttachTestCase):
    # nova-compute checks at this interval, and waits twice as long.
    MORE_CONFIG = (
        '[DEFAULT]\nrpc_response_timeout = 10\nlong_rpc_timeout = 10\n'
    )
    ALLINONE_ONLY = 'starts a second nova-api for the all-in-one'
    POLL = 0.5

    def kill_api_during(self, server: str, action: str, argument: Any) -> str:
        """Request an action of a killed nova-api; return the request id."""
        request_id = killed_api.send(
            self.allinone,
            f'/servers/{server}/action',
            json.dumps({action: argument}),
        )
        expected = f'{action.removesuffix("_pci")}ing_pci'
        self.assertEqual(expected, self.task_state(server))
        # The task state prevents another action.
        self.assertRefusal(409, expected, server, action, argument)
        return request_id

    def task_state(self, server: str) -> str | None:
        shown = self.request('GET', f'/servers/{server}').json()['server']
        state: str | None = shown['OS-EXT-STS:task_state']
        return state

    def assertActionError(
        self, server: str, request_id: str, text: str
    ) -> None:
        """Wait for the error of an action, and check its text."""
        path = f'/servers/{server}/os-instance-actions/{request_id}'

        def shown() -> dict[str, Any]:
            return dict(self.request('GET', path).json()['instanceAction'])

        self.wait_until(lambda: shown()['message'] is not None)
        action = shown()
        self.assertEqual('Error', action['message'])
        [event] = action['events']
        self.assertEqual('Error', event['result'])
        self.assertIn(text, event['details'])

    def test_ends_stale_operations(self) -> None:
        attaching, detaching = self.boot('1:two'), self.boot('2:one')
        device = test_attach.dev_id('0000:02:00.0')
        first = self.kill_api_during(
            attaching, 'attach_pci', {test_attach.ALIAS: 'a1:1'}
        )
        second = self.kill_api_during(detaching, 'detach_pci', [device])
        self.assertActionError(attaching, first, 'no device was attached')
        self.assertActionError(detaching, second, 'no device was detached')
        self.assertDevices(attaching, '0000:03:00.0')
        self.assertDevices(detaching, '0000:01:00.0', '0000:02:00.0')
        # The servers can be operated on again.
        self.assertEqual('Success', self.detach(detaching, '0000:02:00.0'))
        self.assertEqual('Success', self.attach(attaching, '1:one'))
        self.assertDevices(attaching, '0000:02:00.0', '0000:03:00.0')
