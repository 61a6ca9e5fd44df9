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

    def put(self, **given: Any) -> webob.Response:
        return self.call(
            'PUT', PATH, {'pci_flavor_limits': given}, version=VERSION
        )

    def shown(self) -> dict[str, Any]:
        response = self.call('GET', PATH, version=VERSION)
        self.assertEqual(200, response.status_int, response.text)
        limits: dict[str, Any] = response.json['pci_flavor_limits']
        return limits

    def test_unlimited_at_first(self) -> None:
        self.assertEqual({'default': None, 'projects': {}}, self.shown())

    def test_set_and_remove(self) -> None:
        response = self.put(default=4, projects={base.OWN_PROJECT: -1})
        self.assertEqual(200, response.status_int, response.text)
        self.assertEqual(self.shown(), response.json['pci_flavor_limits'])
        self.put(projects={base.OTHER_PROJECT: 0})
        self.assertEqual(
            {
                'default': 4,
                'projects': {base.OWN_PROJECT: -1, base.OTHER_PROJECT: 0},
            },
            self.shown(),
        )
        self.put(default=None, projects={base.OWN_PROJECT: None})
        self.assertEqual(
            {'default': None, 'projects': {base.OTHER_PROJECT: 0}},
            self.shown(),
        )

    def test_by_uuid(self) -> None:
        uuid = db.get_by_name('GPU').uuid
        response = self.call(
            'GET', f'/os-pci-flavors/{uuid}/limits', version=VERSION
        )
        self.assertEqual(200, response.status_int)

    def test_projects_that_are_none(self) -> None:
        gone = uuidutils.generate_uuid()
        response = self.put(projects={gone: 1})
        self.assertEqual(400, response.status_int)
        # It may have had a limit while it was there.
        self.assertEqual(200, self.put(projects={gone: None}).status_int)

    def test_bad_bodies(self) -> None:
        for given in (
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
            {'other': 1},
        ):
            self.assertEqual(400, self.put(**given).status_int, given)
        self.assertEqual({'default': None, 'projects': {}}, self.shown())

    def test_no_such_pci_flavor(self) -> None:
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

    def test_without_a_version(self) -> None:
        response = self.call('GET', PATH)
        self.assertEqual(200, response.status_int)
        self.assertIn('pci 1.0', response.headers['OpenStack-API-Version'])

    def test_where_there_are_unified_limits(self) -> None:
        self.put(default=4)
        self.useFixture(nova_fixtures.UnifiedLimitsFixture())
        self.flags(driver='nova.quota.UnifiedLimitsDriver', group='quota')
        response = self.put(default=1)
        self.assertEqual(409, response.status_int)
        self.assertIn(f'{limits.RESOURCE}GPU', response.text)
        # To be moved to keystone.
        self.assertEqual(4, self.shown()['default'])
