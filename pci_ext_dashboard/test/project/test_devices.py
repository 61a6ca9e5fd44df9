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
from unittest import mock

from django.urls import reverse
from openstack_dashboard.dashboards.project.instances import views

from pci_ext.policies import pci_devices
from pci_ext_dashboard.test import base
from pci_ext_dashboard.test import fake_api

INDEX = reverse('horizon:project:pci_devices:index')
SERVER_ID = '1'


def url(page: str, *args: str) -> str:
    return reverse(
        f'horizon:project:pci_devices:{page}', args=[SERVER_ID, *args]
    )


class IndexTestCase(base.DashboardTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.flavors = [
            fake_api.make_flavor('bigGPU', description='A100'),
            fake_api.make_flavor(
                'QAT', usage={'total': 9, 'available': 7, 'allocated': 2}
            ),
        ]
        self.api.project_limits = [
            {'pci_flavor': 'bigGPU', 'limit': 8, 'used': 1},
            {'pci_flavor': 'QAT', 'limit': -1, 'used': 0},
        ]

    def test_lists_the_pci_flavors_with_limits_and_usage(self) -> None:
        for role in base.ROLES:
            self.api.calls.clear()
            self.log_in_as(role)
            response = self.client.get(INDEX)
            self.assert_shows(
                response,
                *('Free Limit Used', 'bigGPU A100 3 8 1'),
                'QAT - 7 Unlimited 0',
            )
            self.assert_nothing_refused()
            self.assertEqual(2, len(self.api.calls))

    def test_lists_them_without_limits_if_these_fail(self) -> None:
        self.api.refusals = {('GET', '/os-pci-limits'): (503, 'No keystone.')}
        response = self.client.get(INDEX)
        self.assert_shows(response, 'bigGPU A100 3 - -')
        self.assert_has_messages(
            response, 'Unable to list the limits.…No keystone.'
        )

    def test_asks_for_no_limits_that_a_policy_hides(self) -> None:
        self.log_in_as('nobody')
        response = self.client.get(INDEX)
        self.assertEqual(403, response.status_code)
        self.assertEqual([], self.api.calls)


class ServerTestCase(base.DashboardTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.servers.first()
        self.server.id = SERVER_ID
        self.server.status = 'ACTIVE'
        self.server.tenant_id = self.tenant.id
        self.server.volumes = []
        setattr(self.server, 'OS-EXT-STS:task_state', None)
        mock.patch(
            'openstack_dashboard.api.nova.server_get',
            autospec=True,
            return_value=self.server,
        ).start()
        mock.patch(
            'openstack_dashboard.api.neutron.is_extension_supported',
            autospec=True,
            return_value=False,
        ).start()
        for name in (
            '_get_volumes',
            '_get_flavor',
            '_get_security_groups',
            '_update_addresses',
            '_get_actions',
        ):
            mock.patch.object(views.DetailView, name, autospec=True).start()
        self.api.server_devices = {
            SERVER_ID: [fake_api.make_server_device('0000:3b:00.0')]
        }
        self.api.pools = [
            fake_api.make_pool('instance-host', 3),
            fake_api.make_pool('other-host', 4),
        ]

    def get_tab(self, dashboard: str = 'project', **parameters: str) -> Any:
        return self.client.get(
            reverse(f'horizon:{dashboard}:instances:detail', args=[SERVER_ID]),
            {'tab': 'instance_details__pci_devices', **parameters},
        )


class TabTestCase(ServerTestCase):
    def test_members_see_devices_and_actions(self) -> None:
        response = self.get_tab()
        self.assert_shows(
            response,
            *('Attach Devices', 'bigGPU', '10de', '20b0', '0000:3b:00.0'),
            *('Run Time', 'Attached', 'Detach Device'),
        )
        self.assert_shows_none(
            response, 'Plan Live Migration', 'Reattach', 'Devices of the Host'
        )
        self.assert_nothing_refused()
        self.assertEqual(1, len(self.api.calls))

    def test_readers_see_devices_only(self) -> None:
        self.log_in_as('reader')
        response = self.get_tab()
        self.assert_shows(response, '0000:3b:00.0')
        self.assert_shows_none(response, 'Attach Devices', 'Detach Device')
        self.assert_nothing_refused()

    def test_administrators_see_what_the_host_has(self) -> None:
        self.log_in_as('admin')
        setattr(self.server, 'OS-EXT-SRV-ATTR:host', 'instance-host')
        response = self.get_tab('admin')
        self.assert_shows(
            response,
            *('Attach Devices', 'Plan Live Migration', 'Detach Device'),
            *('Devices of the Host', 'instance-host'),
            'bigGPU product_id=20b0, vendor_id=10de 3 4',
        )
        self.assert_nothing_refused()
        self.assertEqual(2, len(self.api.calls))

    def test_is_not_there_for_other_users(self) -> None:
        self.log_in_as('nobody')
        self.assert_shows_none(self.get_tab(), '0000:3b:00.0')
        self.assertEqual([], self.api.calls)

    def test_shows_states_and_errors(self) -> None:
        self.api.server_devices[SERVER_ID] = [
            fake_api.make_server_device(
                '0000:3b:00.0',
                state='failed',
                attached='boot',
                pci_flavor=None,
                pci_name='10GE',
                last_error='The device was not attached.',
            )
        ]
        self.assert_shows(
            self.get_tab(),
            *('Reattach Failed Devices', '10GE', 'Boot', 'Failed'),
            'The device was not attached.',
        )

    def test_device_without_a_location_is_not_detached(self) -> None:
        [device] = self.api.server_devices[SERVER_ID]
        for key in ('dev_id', 'address'):
            del device[key]
        response = self.get_tab()
        self.assert_shows(response, 'bigGPU')
        self.assert_shows_none(response, 'Detach Device')

    def test_device_of_a_port_is_not_detached(self) -> None:
        [device] = self.api.server_devices[SERVER_ID]
        device['port_id'] = '2'
        self.assert_shows_none(self.get_tab(), 'Detach Device')

    def test_busy_server_has_no_actions(self) -> None:
        setattr(self.server, 'OS-EXT-STS:task_state', 'attaching_pci')
        response = self.get_tab()
        self.assert_shows(
            response, 'The server is busy: attaching_pci.', 'Refresh'
        )
        self.assert_shows_none(response, 'Attach Devices', 'Detach Device')

    def test_server_in_error_has_no_actions(self) -> None:
        self.server.status = 'ERROR'
        self.assert_shows_none(
            self.get_tab(), 'Attach Devices', 'Detach Device'
        )

    def test_shows_the_result_of_an_action(self) -> None:
        for result, text in (
            (None, 'compute_attach_pci: in progress Refresh'),
            ('Success', 'compute_attach_pci: Success'),
            ('Error', 'compute_attach_pci: Error'),
        ):
            self.api.events = [
                {'event': 'compute_attach_pci', 'result': result}
            ]
            response = self.get_tab(pci_request_id='req-1')
            self.assert_shows(response, text)
            self.assertEqual(
                f'/servers/{SERVER_ID}/os-instance-actions/req-1',
                self.api.calls[-1].path,
            )


class ActionsTestCase(ServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.flavors = [
            fake_api.make_flavor('bigGPU'),
            fake_api.make_flavor('trialGPU'),
        ]

    def act(self, page: str, *args: str, **form: str) -> Any:
        """Send a form, and return the body that the API gets."""
        response = self.client.post(url(page, *args), form)
        detail = reverse('horizon:project:instances:detail', args=[SERVER_ID])
        self.assertRedirectsNoFollow(
            response,
            f'{detail}?tab=instance_details__pci_devices&pci_request_id=req-1',
        )
        [call] = self.api.made('POST')
        self.assertEqual(f'/servers/{SERVER_ID}/action', call.path)
        return call.body

    def test_shows_the_pci_flavors_to_attach(self) -> None:
        response = self.client.get(url('attach'))
        self.assert_shows(
            response,
            *('bigGPU (3 free in the cloud)', 'Or Else', 'None', 'trialGPU'),
            'The server gets all devices or none.',
        )

    def test_attaches_devices(self) -> None:
        self.assertEqual(
            {'attach_pci': {'pci_passthrough:pci_flavor': '2:bigGPU'}},
            self.act('attach', flavor='bigGPU', count='2'),
        )

    def test_attaches_devices_of_an_alternative(self) -> None:
        text = '1:bigGPU,trialGPU'
        self.assertEqual(
            {'attach_pci': {'pci_passthrough:pci_flavor': text}},
            self.act('attach', flavor='bigGPU', or_else='trialGPU', count='1'),
        )

    def test_the_same_alternative_is_none(self) -> None:
        self.assertEqual(
            {'attach_pci': {'pci_passthrough:pci_flavor': '1:bigGPU'}},
            self.act('attach', flavor='bigGPU', or_else='bigGPU', count='1'),
        )

    def test_shows_the_error_of_the_api_on_the_form(self) -> None:
        self.api.refusals = {
            ('POST', f'/servers/{SERVER_ID}/action'): (403, 'Quota exceeded.')
        }
        response = self.client.post(
            url('attach'), {'flavor': 'bigGPU', 'count': '1'}
        )
        self.assert_shows(response, 'Quota exceeded.')

    def test_detaches_a_device(self) -> None:
        dev_id = 'pci_0000_3b_00_0'
        self.assert_shows(self.client.get(url('detach', dev_id)), dev_id)
        self.assertEqual(
            {'detach_pci': [{'dev_id': dev_id}]}, self.act('detach', dev_id)
        )

    def test_reattaches_devices(self) -> None:
        self.client.get(url('reattach'))
        self.assertEqual({'reattach_pci': None}, self.act('reattach'))

    def test_readers_see_no_form(self) -> None:
        self.log_in_as('reader')
        for page in (
            url('attach'),
            url('detach', 'pci_0000_3b_00_0'),
            url('reattach'),
        ):
            self.assertEqual(403, self.client.get(page).status_code)
            self.assertEqual(403, self.client.post(page).status_code)
        self.assertEqual([], self.api.calls)
        self.assertFalse(self.api.allows(pci_devices.ATTACH))
