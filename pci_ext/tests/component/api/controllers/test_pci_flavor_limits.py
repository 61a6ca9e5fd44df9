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

from nova.tests import fixtures as nova_fixtures
from oslo_utils import uuidutils
import webob

from pci_ext.api.quota import limits
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.api import base

PATH = '/os-pci-flavors/GPU/limits'
VERSION = '2.90, pci 1.0'


class PciFlavorLimitsTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(base.Projects(base.OWN_PROJECT, base.OTHER_PROJECT))
        db.create(pci_flavor.PciFlavor(name='GPU'))

    def put(self, **values: Any) -> webob.Response:
        return self.call(
            'PUT', PATH, {'pci_flavor_limits': values}, version=VERSION
        )

    def get_limits(self) -> dict[str, Any]:
        response = self.call('GET', PATH, version=VERSION)
        self.assertEqual(200, response.status_int, response.text)
        limits: dict[str, Any] = response.json['pci_flavor_limits']
        return limits

    def test_default_is_unlimited(self) -> None:
        self.assertEqual({'default': None, 'projects': {}}, self.get_limits())

    def test_sets_and_removes_limits(self) -> None:
        response = self.put(default=4, projects={base.OWN_PROJECT: -1})
        self.assertEqual(200, response.status_int, response.text)
        self.assertEqual(self.get_limits(), response.json['pci_flavor_limits'])
        self.put(projects={base.OTHER_PROJECT: 0})
        self.assertEqual(
            {
                'default': 4,
                'projects': {base.OWN_PROJECT: -1, base.OTHER_PROJECT: 0},
            },
            self.get_limits(),
        )
        self.put(default=None, projects={base.OWN_PROJECT: None})
        self.assertEqual(
            {'default': None, 'projects': {base.OTHER_PROJECT: 0}},
            self.get_limits(),
        )

    def test_finds_a_pci_flavor_by_uuid(self) -> None:
        uuid = db.get_by_name('GPU').uuid
        response = self.call(
            'GET', f'/os-pci-flavors/{uuid}/limits', version=VERSION
        )
        self.assertEqual(200, response.status_int)

    def test_refuses_a_limit_of_an_unknown_project(self) -> None:
        unknown = uuidutils.generate_uuid()
        response = self.put(projects={unknown: 1})
        self.assertEqual(400, response.status_int)
        # A deleted project may still have a limit.
        self.assertEqual(200, self.put(projects={unknown: None}).status_int)

    def test_refuses_invalid_bodies(self) -> None:
        for values in (
            {},
            {'default': -2},
            {'default': 2**31},
            {'default': '1'},
            {'default': 1.5},
            {'default': True},
            {'projects': {'': 1}},
            {'projects': {'x y': 1}},
            {'projects': {'x\n': 1}},
            {'projects': []},
            {'projects': {f'p{n}': None for n in range(101)}},
            {'other': 1},
        ):
            self.assertEqual(400, self.put(**values).status_int, values)
        self.assertEqual({'default': None, 'projects': {}}, self.get_limits())

    def test_unknown_pci_flavor_is_not_found(self) -> None:
        for id in ('none', '0', '_flavor_attrs'):
            for method, body in (
                ('GET', None),
                ('PUT', {'pci_flavor_limits': {'default': 1}}),
            ):
                response = self.call(
                    method,
                    f'/os-pci-flavors/{id}/limits',
                    body,
                    version=VERSION,
                )
                self.assertEqual(404, response.status_int, id)

    def test_accepts_a_request_without_a_microversion(self) -> None:
        response = self.call('GET', PATH)
        self.assertEqual(200, response.status_int)
        self.assertIn('pci 1.0', response.headers['OpenStack-API-Version'])

    def test_refuses_changes_with_unified_limits(self) -> None:
        self.put(default=4)
        self.useFixture(nova_fixtures.UnifiedLimitsFixture())
        self.flags(driver='nova.quota.UnifiedLimitsDriver', group='quota')
        response = self.put(default=1)
        self.assertEqual(409, response.status_int)
        self.assertIn(f'{limits.RESOURCE}GPU', response.text)
        # The operator can read the limits and move them to keystone.
        self.assertEqual(4, self.get_limits()['default'])
