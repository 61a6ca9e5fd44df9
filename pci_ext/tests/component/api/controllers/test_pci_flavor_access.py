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

from oslo_utils.fixture import uuidsentinel
import webob

from pci_ext.api import visible_flavors
from pci_ext.db import pci_flavor_access
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base

PATH = '/os-pci-flavors/private/access'


class PciFlavorAccessTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(base.Projects(base.OWN_PROJECT, base.OTHER_PROJECT))
        self.flavor = db.create(
            pci_flavor.PciFlavor(name='private', is_public=False)
        )
        db.create(pci_flavor.PciFlavor(name='public'))
        self.member = self.context_of('member', 'reader')

    def add(self, project_id: str, **kwargs: Any) -> webob.Response:
        return self.call(
            'POST',
            PATH,
            {'pci_flavor_access': {'project_id': project_id}},
            **kwargs,
        )

    def projects(self) -> list[str]:
        response = self.call('GET', PATH)
        self.assertEqual(200, response.status_int, response.text)
        (accesses,) = response.json.values()
        return [access['project_id'] for access in accesses]

    def assert_refused(
        self, status: int, response: webob.Response, *texts: str
    ) -> None:
        self.assertEqual(status, response.status_int, response.text)
        (fault,) = response.json.values()
        for text in texts:
            self.assertIn(text, fault['message'])

    def test_lists_projects_with_access(self) -> None:
        self.assertEqual(
            {'pci_flavor_access': []}, self.call('GET', PATH).json
        )
        pci_flavor_access.add_project(self.flavor, base.OWN_PROJECT)
        for id in ('private', self.flavor.uuid):
            self.assertEqual(
                {'pci_flavor_access': [{'project_id': base.OWN_PROJECT}]},
                self.call('GET', f'/os-pci-flavors/{id}/access').json,
            )

    def test_adds_a_project(self) -> None:
        response = self.add(base.OWN_PROJECT)
        self.assertEqual(201, response.status_int, response.text)
        self.assertEqual(
            {'pci_flavor_access': {'project_id': base.OWN_PROJECT}},
            response.json,
        )
        self.assertEqual([base.OWN_PROJECT], self.projects())

    def test_access_makes_the_pci_flavor_visible(self) -> None:
        def names() -> list[str]:
            return [each.name for each in visible_flavors.get_all(self.member)]

        self.assertEqual(['public'], names())
        self.add(base.OWN_PROJECT)
        self.assertEqual(['private', 'public'], names())
        self.call('DELETE', f'{PATH}/{base.OWN_PROJECT}')
        self.assertEqual(['public'], names())

    def test_accepts_a_project_in_the_path(self) -> None:
        path = f'/{base.OWN_PROJECT}{PATH}'
        body = {'pci_flavor_access': {'project_id': base.OTHER_PROJECT}}
        self.assertEqual(201, self.call('POST', path, body).status_int)
        self.assertEqual([base.OTHER_PROJECT], self.projects())
        self.assertEqual(
            204,
            self.call('DELETE', f'{path}/{base.OTHER_PROJECT}').status_int,
        )
        self.assertEqual([], self.projects())

    def test_refuses_a_project_with_access(self) -> None:
        self.add(base.OWN_PROJECT)
        self.assert_refused(
            409,
            self.add(base.OWN_PROJECT),
            f'Project {base.OWN_PROJECT} has access to PCI flavor private ',
        )
        self.assertEqual([base.OWN_PROJECT], self.projects())

    def test_refuses_an_unknown_project(self) -> None:
        self.assert_refused(
            400, self.add(uuidsentinel.nosuch), uuidsentinel.nosuch
        )
        self.assertEqual([], self.projects())

    def test_refuses_invalid_bodies(self) -> None:
        for body in (
            None,
            {},
            [],
            {'pci_flavor_access': {}},
            {'pci_flavor_access': base.OWN_PROJECT},
            {'pci_flavor_access': {'project_id': ''}},
            {'pci_flavor_access': {'project_id': 'a b'}},
            {'pci_flavor_access': {'project_id': 'a' * 256}},
            {'pci_flavor_access': {'project_id': None}},
            {
                'pci_flavor_access': {
                    'project_id': base.OWN_PROJECT,
                    'color': 'red',
                }
            },
        ):
            self.assert_refused(400, self.call('POST', PATH, body))
        self.assertEqual([], self.projects())

    def test_removes_a_project(self) -> None:
        self.add(base.OWN_PROJECT)
        self.add(base.OTHER_PROJECT)
        response = self.call('DELETE', f'{PATH}/{base.OWN_PROJECT}')
        self.assertEqual(204, response.status_int, response.text)
        self.assertEqual(b'', response.body)
        self.assertEqual([base.OTHER_PROJECT], self.projects())

    def test_removes_a_project_deleted_from_keystone(self) -> None:
        pci_flavor_access.add_project(self.flavor, uuidsentinel.gone)
        response = self.call('DELETE', f'{PATH}/{uuidsentinel.gone}')
        self.assertEqual(204, response.status_int, response.text)
        self.assertEqual([], self.projects())

    def test_removed_project_without_access_is_not_found(self) -> None:
        for id in (base.OWN_PROJECT, 'nosuch', '0'):
            self.assert_refused(
                404,
                self.call('DELETE', f'{PATH}/{id}'),
                f'Project {id} has no access to PCI flavor private.',
            )

    def test_public_pci_flavor_has_no_access_list(self) -> None:
        path = '/os-pci-flavors/public/access'
        text = 'PCI flavor public is public'
        self.assert_refused(404, self.call('GET', path), text)
        self.assert_refused(
            409,
            self.call(
                'POST',
                path,
                {'pci_flavor_access': {'project_id': base.OWN_PROJECT}},
            ),
            text,
        )
        self.assert_refused(
            409, self.call('DELETE', f'{path}/{base.OWN_PROJECT}'), text
        )

    def test_public_period_removes_access(self) -> None:
        self.add(base.OWN_PROJECT)
        db.update_by_uuid(self.flavor.uuid, {'description': 'private'})
        self.assertEqual([base.OWN_PROJECT], self.projects())
        for is_public in (True, False):
            db.update_by_uuid(self.flavor.uuid, {'is_public': is_public})
        self.assertEqual([], self.projects())

    def test_unknown_pci_flavor_is_not_found(self) -> None:
        for id in ('nosuch', '0', '_flavor_attrs', uuidsentinel.nosuch):
            path = f'/os-pci-flavors/{id}/access'
            self.assert_refused(404, self.call('GET', path), id)
            self.assert_refused(
                404,
                self.call(
                    'POST',
                    path,
                    {'pci_flavor_access': {'project_id': base.OWN_PROJECT}},
                ),
                id,
            )
            self.assert_refused(
                404, self.call('DELETE', f'{path}/{base.OWN_PROJECT}'), id
            )

    def test_refuses_an_unknown_query_parameter(self) -> None:
        self.assert_refused(400, self.call('GET', f'{PATH}?a=b'), "'a'")

    def test_refuses_users_other_than_the_admin(self) -> None:
        pci_flavor_access.add_project(self.flavor, base.OWN_PROJECT)
        for response in (
            self.call('GET', PATH, context=self.member),
            self.add(base.OTHER_PROJECT, context=self.member),
            self.call(
                'DELETE', f'{PATH}/{base.OWN_PROJECT}', context=self.member
            ),
        ):
            self.assert_refused(403, response, 'os-pci-flavor-access')
        self.assertEqual([base.OWN_PROJECT], self.projects())

    def test_policy_does_not_show_invisible_pci_flavors(self) -> None:
        self.policy.set_rules(
            {'os_compute_api:os-pci-flavor-access:index': '@'},
            overwrite=False,
        )
        self.assert_refused(
            404, self.call('GET', PATH, context=self.member), 'private'
        )
