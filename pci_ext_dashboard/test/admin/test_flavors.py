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

from pci_ext_dashboard.test import base
from pci_ext_dashboard.test import fake_api

INDEX = reverse('horizon:admin:pci_flavors:index')
CREATE = reverse('horizon:admin:pci_flavors:create')


def url(page: str, name: str) -> str:
    """Return the address of a page of a PCI flavor."""
    uuid = fake_api.make_flavor(name)['uuid']
    return reverse(f'horizon:admin:pci_flavors:{page}', args=[uuid])


class FlavorsTestCase(base.DashboardTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.flavors = [
            fake_api.make_flavor(
                'bigGPU',
                description='A100',
                specs={'vendor_id': '10de', 'product_id': '20b[0-2]'},
            ),
            fake_api.make_flavor('trialGPU', is_public=False),
        ]
        self.api.access = {'trialGPU': ['1']}
        self.log_in_as('admin')
        self.tenant_list = mock.patch(
            'openstack_dashboard.api.keystone.tenant_list',
            autospec=True,
            return_value=(self.tenants.list(), False),
        ).start()

    def sent(self, method: str) -> Any:
        """Return the body of the only request with a method."""
        [call] = self.api.made(method)
        return call.body


class IndexTestCase(FlavorsTestCase):
    def test_lists_pci_flavors_by_one_request(self) -> None:
        response = self.client.get(INDEX)
        self.assert_shows(
            response,
            *('bigGPU', 'A100', 'product_id=20b[0-2], vendor_id=10de'),
            *('Yes', 'forbid', '3 of 4', 'trialGPU', 'No'),
        )
        self.assertEqual(1, len(self.api.calls))

    def test_lists_a_page(self) -> None:
        self.api.flavors = [
            fake_api.make_flavor(f'flavor{number}') for number in range(5)
        ]
        marker = self.api.flavors[1]['uuid']
        with self.settings(API_RESULT_PAGE_SIZE=2):
            response = self.client.get(f'{INDEX}?pci_flavor_marker={marker}')
            self.assert_shows(
                response, '« Prev', 'flavor2', 'flavor3', 'Next »'
            )
            self.assert_shows_none(response, 'flavor1', 'flavor4')
            marker = self.api.flavors[4]['uuid']
            response = self.client.get(
                f'{INDEX}?prev_pci_flavor_marker={marker}'
            )
            self.assert_shows(
                response, '« Prev', 'flavor2', 'flavor3', 'Next »'
            )
            response = self.client.get(INDEX)
            self.assert_shows_none(response, '« Prev')
        self.assertEqual(3, len(self.api.calls))

    def test_shows_no_usage_if_the_api_has_none(self) -> None:
        for flavor in self.api.flavors:
            del flavor['usage']
        self.assert_shows_none(self.client.get(INDEX), '3 of 4')

    def test_shows_incomplete_usage(self) -> None:
        self.api.flavors[0]['usage']['partial'] = True
        self.assert_shows(
            self.client.get(INDEX), '3 of 4 in the cells that answer'
        )

    def test_shows_the_error_of_the_api(self) -> None:
        self.api.refusals = {
            ('GET', '/os-pci-flavors/detail'): (503, 'No database.')
        }
        response = self.client.get(INDEX)
        self.assert_has_messages(
            response, 'Unable to list the PCI flavors.…No database.'
        )

    def test_expired_token_is_refused(self) -> None:
        self.api.refusals = {
            ('GET', '/os-pci-flavors/detail'): (401, 'Expired.')
        }
        response = self.client.get(INDEX)
        self.assertEqual(403, response.status_code)

    def test_deletes_a_pci_flavor(self) -> None:
        uuid = self.api.flavors[0]['uuid']
        response = self.client.post(
            INDEX, {'action': f'pci_flavors__delete__{uuid}'}
        )
        self.assertRedirectsNoFollow(response, INDEX)
        self.assert_has_messages(response, 'Deleted PCI Flavor: bigGPU')
        [call] = self.api.made('DELETE')
        self.assertEqual(f'/os-pci-flavors/{uuid}', call.path)

    def test_refused_delete_is_shown(self) -> None:
        uuid = self.api.flavors[0]['uuid']
        self.api.refusals = {
            ('DELETE', f'/os-pci-flavors/{uuid}'): (503, 'No database.')
        }
        response = self.client.post(
            INDEX, {'action': f'pci_flavors__delete__{uuid}'}
        )
        self.assert_has_messages(
            response, 'Unable to delete pci flavor: bigGPU'
        )


class DetailTestCase(FlavorsTestCase):
    def test_shows_a_private_pci_flavor(self) -> None:
        self.api.limits = {'trialGPU': {'default': 8, 'projects': {'2': -1}}}
        response = self.client.get(url('detail', 'trialGPU'))
        self.assert_shows(
            response,
            *('trialGPU', 'Public No', 'Free Devices 3 of 4'),
            *('Projects With Access', 'test_tenant'),
            *('Default 8', 'disabled_tenant Unlimited'),
        )
        self.assert_nothing_refused()
        self.assertEqual(2, len(self.api.calls))
        self.tenant_list.assert_called_once()

    def test_asks_for_no_projects_without_need(self) -> None:
        self.client.get(url('detail', 'bigGPU'))
        self.tenant_list.assert_not_called()

    def test_unknown_pci_flavor_leads_to_the_list(self) -> None:
        response = self.client.get(url('detail', 'unknown'))
        self.assertRedirectsNoFollow(response, INDEX)


class CreateTestCase(FlavorsTestCase):
    form = {
        'name': 'QAT',
        'description': '',
        'specs': 'vendor_id=8086\n\nproduct_id = 49[0-9]*\n',
        'live_migration': 'hotplug',
        'is_public': 'on',
    }

    def test_shows_the_form_with_the_attributes(self) -> None:
        response = self.client.get(CREATE)
        self.assert_shows(
            response, 'key=pattern', 'e.group', 'product_id', 'vendor_id'
        )
        self.assert_nothing_refused()

    def test_creates_a_pci_flavor(self) -> None:
        response = self.client.post(CREATE, self.form)
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(
            {
                'pci_flavor': {
                    'name': 'QAT',
                    'description': None,
                    'specs': {'vendor_id': '8086', 'product_id': '49[0-9]*'},
                    'live_migration': 'hotplug',
                    'is_public': True,
                }
            },
            self.sent('POST'),
        )

    def test_shows_matching_devices(self) -> None:
        self.api.devices = [
            fake_api.make_device(
                'compute-1',
                '0000:3b:00.0',
                vendor_id='8086',
                product_id='4940',
                attributes={'e.group': 'qat'},
            ),
            fake_api.make_device('compute-1', '0000:5e:00.0'),
        ]
        response = self.client.post(CREATE, {**self.form, 'preview': 'yes'})
        self.assert_shows(
            response,
            *('compute-1', '0000:3b:00.0', '8086', '4940', 'e.group=qat'),
        )
        self.assert_shows_none(response, '0000:5e:00.0', 'These are the first')
        # The form keeps what was typed.
        self.assertContains(response, 'value="QAT"')
        self.assertEqual([], self.api.made('POST'))

    def test_shows_only_the_first_matching_devices(self) -> None:
        self.api.devices = [
            fake_api.make_device(
                f'compute-{number}', '0000:3b:00.0', vendor_id='8086'
            )
            for number in range(4)
        ]
        with self.settings(API_RESULT_PAGE_SIZE=2):
            response = self.client.post(
                CREATE,
                {**self.form, 'specs': 'vendor_id=8086', 'preview': 'yes'},
            )
        self.assert_shows(response, 'compute-1', 'These are the first devices')
        self.assert_shows_none(response, 'compute-2')

    def test_shows_the_error_of_the_api_on_the_form(self) -> None:
        self.api.refusals = {
            ('POST', '/os-pci-flavors'): (409, 'bigGPU already exists.')
        }
        response = self.client.post(CREATE, {**self.form, 'name': 'bigGPU'})
        self.assert_shows(response, 'bigGPU already exists.')

    def test_refuses_malformed_specs(self) -> None:
        for specs, error in (
            ('vendor_id', '"vendor_id" is not of the form key=pattern.'),
            ('=10de', '"=10de" is not of the form key=pattern.'),
            ('a=1\na=2', 'The key a is there twice.'),
        ):
            response = self.client.post(CREATE, {**self.form, 'specs': specs})
            self.assert_shows(response, error)
        self.assertEqual([], self.api.made('POST'))


class UpdateTestCase(FlavorsTestCase):
    form = {
        'name': 'bigGPU',
        'description': 'A100',
        'specs': 'product_id=20b[0-2]\nvendor_id=10de',
        'live_migration': 'forbid',
        'is_public': 'on',
    }

    def test_shows_the_form_with_the_values(self) -> None:
        response = self.client.get(url('update', 'bigGPU'))
        self.assertContains(response, 'value="bigGPU"')
        self.assert_shows(
            response, 'A100', 'product_id=20b[0-2] vendor_id=10de'
        )

    def test_sends_the_changed_fields_only(self) -> None:
        response = self.client.post(
            url('update', 'bigGPU'),
            {**self.form, 'description': '', 'specs': 'product_id=20b0'},
        )
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual(
            {
                'pci_flavor': {
                    'description': None,
                    'specs': {'product_id': '20b0', 'vendor_id': None},
                }
            },
            self.sent('PUT'),
        )

    def test_sends_nothing_without_a_change(self) -> None:
        response = self.client.post(url('update', 'bigGPU'), self.form)
        self.assertRedirectsNoFollow(response, INDEX)
        self.assertEqual([], self.api.made('PUT'))


class AccessTestCase(FlavorsTestCase):
    def test_shows_the_projects(self) -> None:
        response = self.client.get(url('access', 'trialGPU'))
        self.assert_shows(response, 'disabled_tenant', 'test_tenant')
        [checked] = base.find(response, '//input[@checked]')
        self.assertEqual('1', checked.get('value'))

    def test_adds_and_removes_access(self) -> None:
        self.client.post(url('access', 'trialGPU'), {'projects': ['2', '3']})
        self.assertEqual(['2', '3'], self.api.access['trialGPU'])
        self.assertEqual(2, len(self.api.made('POST')))
        self.assertEqual(1, len(self.api.made('DELETE')))


class LimitsTestCase(FlavorsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.limits = {
            'bigGPU': {'default': 8, 'projects': {'1': 4, '2': -1}}
        }

    def test_shows_the_limits(self) -> None:
        response = self.client.get(url('limits', 'bigGPU'))
        self.assert_shows(response, 'test_tenant', 'disabled_tenant')
        for limit in ('8', '4', '-1'):
            self.assertContains(response, f'value="{limit}"')

    def test_changes_limits(self) -> None:
        self.client.post(
            url('limits', 'bigGPU'),
            {
                'default': '',
                'limit_1': '4',
                'limit_2': '',
                'project': '3',
                'limit': '0',
            },
        )
        self.assertEqual(
            {
                'pci_flavor_limits': {
                    'default': None,
                    'projects': {'2': None, '3': 0},
                }
            },
            self.sent('PUT'),
        )

    def test_sends_nothing_without_a_change(self) -> None:
        self.client.post(
            url('limits', 'bigGPU'),
            {'default': '8', 'limit_1': '4', 'limit_2': '-1'},
        )
        self.assertEqual([], self.api.made('PUT'))


class RolesTestCase(FlavorsTestCase):
    def test_administrators_see_all_actions(self) -> None:
        response = self.client.get(INDEX)
        self.assert_shows(
            response,
            *('Create PCI Flavor', 'Delete PCI Flavors', 'Edit PCI Flavor'),
            *('Edit Limits', 'Delete PCI Flavor'),
            *('Edit PCI Flavor', 'Edit Access', 'Edit Limits'),
        )
        self.assert_nothing_refused()

    def test_access_is_of_private_pci_flavors(self) -> None:
        del self.api.flavors[1]
        self.assert_shows_none(self.client.get(INDEX), 'Edit Access')

    def test_others_see_no_page(self) -> None:
        pages = [INDEX, CREATE] + [
            url(page, 'bigGPU')
            for page in ('detail', 'update', 'access', 'limits')
        ]
        for role in ('reader', 'member'):
            self.log_in_as(role)
            for page in pages:
                response = self.client.get(page)
                self.assertEqual(403, response.status_code, page)
        self.assertEqual([], self.api.calls)
