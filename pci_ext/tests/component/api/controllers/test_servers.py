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

from nova.tests import fixtures as nova_fixtures

from pci_ext import server_state
from pci_ext.api import compute_api
from pci_ext.api.inventory import server_summaries
from pci_ext.policies import pci_devices as policies
from pci_ext.tests.component.api import base

#: The first microversion that shows extra specs, and a recent one.
EXTRA_SPECS, RECENT = '2.47', '2.98'

EXTRA_SPECS_SHOWN = {'pci_passthrough:pci_flavor': '1:bigGPU'}
EXTRA_SPECS_STORED = EXTRA_SPECS_SHOWN | {server_state.RESOLVED: '[]'}

DEVICE = {
    'dev_id': 'pci_0000_02_00_0',
    'address': '0000:02:00.0',
    'vendor_id': '8086',
    'product_id': '10c9',
}


class ServersTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(nova_fixtures.NeutronFixture(self))
        # Nova's responses must still match Nova's schemas.
        self.flags(response_validation='error', group='api')
        self.reader = self.context_of('reader')
        self.host1 = self.create_host('cell1', 'host1')
        self.host2 = self.create_host('cell2', 'host2')
        self.server = self.create_server(
            'cell1', 'server', self.host1, EXTRA_SPECS_STORED
        )
        self.create_device('cell1', self.host1, '0000:02:00.0', self.server)

    def show(self, uuid: str, **options: Any) -> dict[str, Any]:
        response = self.call('GET', f'/servers/{uuid}', **options)
        self.assertEqual(200, response.status_int, response.text)
        return response.json['server']

    def detail(self, query: str = '', **options: Any) -> dict[str, Any]:
        """Return the servers by id."""
        response = self.call('GET', f'/servers/detail{query}', **options)
        self.assertEqual(200, response.status_int, response.text)
        return {each['id']: each for each in response.json['servers']}


class PciDevicesTestCase(ServersTestCase):
    def test_policy_hides_addresses(self) -> None:
        self.policy.set_rules(
            {policies.SERVER: '@', policies.SERVER_LOCATION: '!'},
            overwrite=False,
        )
        expected = [{'vendor_id': '8086', 'product_id': '10c9'}]
        self.assertEqual(expected, self.show(self.server)['pci_devices'])
        shown = self.detail()[self.server]
        self.assertEqual(expected, shown['pci_devices'])

    def test_server_shows_its_devices(self) -> None:
        for version in ('2.1', RECENT):
            server = self.show(
                self.server, context=self.reader, version=version
            )
            self.assertEqual([DEVICE], server['pci_devices'])
            self.assertEqual('server', server['name'])

    def test_client_of_nova_sees_no_key_without_devices(self) -> None:
        plain = self.create_server('cell2', 'plain', self.host2)
        for version in ('2.1', RECENT):
            self.assertNotIn('pci_devices', self.show(plain, version=version))
            servers = self.detail(version=version)
            self.assertNotIn('pci_devices', servers[plain])
            self.assertEqual([DEVICE], servers[self.server]['pci_devices'])

    def test_client_of_pci_ext_sees_an_empty_list(self) -> None:
        plain = self.create_server('cell2', 'plain', self.host2)
        shown = self.show(plain, pci_version='1.0')
        self.assertEqual([], shown['pci_devices'])
        servers = self.detail(pci_version='1.0')
        self.assertEqual([], servers[plain]['pci_devices'])

    def test_unknown_server_is_not_found(self) -> None:
        response = self.call('GET', '/servers/nosuch')
        self.assertEqual(404, response.status_int, response.text)

    def test_list_with_details_shows_devices(self) -> None:
        plain = self.create_server('cell2', 'plain', self.host2)
        for version in ('2.1', RECENT):
            servers = self.detail(
                context=self.reader, version=version, pci_version='1.0'
            )
            self.assertEqual(
                {self.server: [DEVICE], plain: []},
                {uuid: each['pci_devices'] for uuid, each in servers.items()},
            )

    def test_unexpected_error_has_the_text_of_nova_and_is_logged_once(
        self,
    ) -> None:
        body = {
            'server': {
                'name': 'new',
                'flavorRef': '1',
                'imageRef': nova_fixtures.GlanceFixture.image1['id'],
                'networks': 'none',
            }
        }
        for method, path, name in (
            ('GET', f'/servers/{self.server}', 'get'),
            ('GET', '/servers/detail', 'get_all'),
            ('POST', '/servers', 'create'),
        ):
            with mock.patch.object(
                compute_api.ComputeAPI,
                name,
                autospec=True,
                side_effect=ZeroDivisionError,
            ):
                response = self.call(
                    method,
                    path,
                    body if method == 'POST' else None,
                    version='2.37',
                )
            self.assertEqual(500, response.status_int, response.text)
            self.assertIn('ZeroDivisionError', response.text)
        self.assertEqual(
            3, self.stdlog.logger.output.count('Unexpected exception in API')
        )

    def test_list_with_details_can_be_empty(self) -> None:
        other = self.context_of('reader', project_id=base.OTHER_PROJECT)
        self.assertEqual({}, self.detail(context=other))

    def test_list_with_details_refuses_an_invalid_query(self) -> None:
        response = self.call('GET', '/servers/detail?limit=x')
        self.assertEqual(400, response.status_int, response.text)

    def test_list_with_details_sends_one_query_per_cell(self) -> None:
        for number in range(4):
            self.create_server('cell1', f'one{number}', self.host1)
            self.create_server('cell2', f'two{number}', self.host2)
        with base.statements('pci_devices') as statements:
            self.assertEqual(9, len(self.detail()))
        self.assertEqual(2, len(statements))

    def test_list_without_details_reads_no_devices(self) -> None:
        with base.statements('pci_devices') as statements:
            response = self.call('GET', '/servers')
        self.assertNotIn('pci_devices', response.json['servers'][0])
        self.assertEqual([], statements)

    def test_policy_hides_devices(self) -> None:
        self.policy.set_rules(
            {policies.SERVER: 'role:auditor', policies.SERVER_LOCATION: '@'},
            overwrite=False,
        )
        self.assertNotIn('pci_devices', self.show(self.server))
        self.assertNotIn('pci_devices', self.detail()[self.server])
        auditor = self.context_of('auditor', 'reader')
        self.assertEqual(
            [DEVICE], self.show(self.server, context=auditor)['pci_devices']
        )

    def test_admin_sees_devices_of_other_projects(self) -> None:
        foreign = self.create_server(
            'cell2', 'foreign', self.host2, project_id=base.OTHER_PROJECT
        )
        self.create_device('cell2', self.host2, '0000:02:00.0', foreign)
        self.assertEqual([DEVICE], self.show(foreign)['pci_devices'])
        self.assertEqual(
            [DEVICE],
            self.detail('?all_tenants=1')[foreign]['pci_devices'],
        )
        response = self.call('GET', f'/servers/{foreign}', context=self.reader)
        self.assertEqual(404, response.status_int)

    def test_policy_applies_to_the_project_of_the_server(self) -> None:
        foreign = self.create_server(
            'cell2', 'foreign', self.host2, project_id=base.OTHER_PROJECT
        )
        self.policy.set_rules(
            {
                policies.SERVER: 'project_id:%(project_id)s',
                policies.SERVER_LOCATION: '@',
            },
            overwrite=False,
        )
        self.create_device('cell2', self.host2, '0000:02:00.0', foreign)
        self.assertIn('pci_devices', self.show(self.server))
        self.assertNotIn('pci_devices', self.show(foreign))
        listed = self.detail('?all_tenants=1')
        self.assertEqual([DEVICE], listed[self.server]['pci_devices'])
        self.assertNotIn('pci_devices', listed[foreign])

    def test_location_of_the_devices_of_other_projects(self) -> None:
        foreign = self.create_server(
            'cell2', 'foreign', self.host2, project_id=base.OTHER_PROJECT
        )
        self.create_device('cell2', self.host2, '0000:02:00.0', foreign)
        self.policy.set_rules(
            {
                policies.SERVER: '@',
                policies.SERVER_LOCATION: 'project_id:%(project_id)s',
            },
            overwrite=False,
        )
        listed = self.detail('?all_tenants=1')
        self.assertEqual([DEVICE], listed[self.server]['pci_devices'])
        unlocated = [{'vendor_id': '8086', 'product_id': '10c9'}]
        self.assertEqual(unlocated, listed[foreign]['pci_devices'])
        self.assertEqual(unlocated, self.show(foreign)['pci_devices'])

    def test_unreachable_cell_hides_devices(self) -> None:
        plain = self.create_server('cell2', 'plain', self.host2)
        self.useFixture(
            base.BrokenCell(
                server_summaries,
                '_devices_in_cell',
                self.cell_mappings['cell1'],
            )
        )
        self.assertNotIn('pci_devices', self.show(self.server))
        servers = self.detail(pci_version='1.0')
        self.assertNotIn('pci_devices', servers[self.server])
        self.assertEqual([], servers[plain]['pci_devices'])


class ExtraSpecsTestCase(ServersTestCase):
    def assert_hidden(self, server: dict[str, Any]) -> None:
        self.assertEqual(EXTRA_SPECS_SHOWN, server['flavor']['extra_specs'])

    def test_show_hides_the_resolved_request(self) -> None:
        for version in (EXTRA_SPECS, RECENT):
            self.assert_hidden(self.show(self.server, version=version))

    def test_list_hides_the_resolved_request(self) -> None:
        for version in (EXTRA_SPECS, RECENT):
            self.assert_hidden(self.detail(version=version)[self.server])

    def test_update_hides_the_resolved_request(self) -> None:
        for version in (EXTRA_SPECS, RECENT):
            response = self.call(
                'PUT',
                f'/servers/{self.server}',
                {'server': {'name': 'renamed'}},
                version=version,
            )
            self.assertEqual(200, response.status_int, response.text)
            self.assert_hidden(response.json['server'])

    def test_rebuild_hides_the_resolved_request(self) -> None:
        for version in (EXTRA_SPECS, RECENT):
            with mock.patch('nova.compute.api.API.rebuild', autospec=True):
                response = self.call(
                    'POST',
                    f'/servers/{self.server}/action',
                    {
                        'rebuild': {
                            'imageRef': '155d900f-4e14-4e4c-a73d-069cbf4541e6'
                        }
                    },
                    version=version,
                )
            self.assertEqual(202, response.status_int, response.text)
            self.assert_hidden(response.json['server'])
