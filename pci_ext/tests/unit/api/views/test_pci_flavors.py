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

import datetime

from nova import context
from nova import test
from nova.api.openstack import wsgi
from oslo_utils.fixture import uuidsentinel

from pci_ext.api.views import pci_flavors as views
from pci_ext.objects import pci_flavor

CREATED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
UPDATED = datetime.datetime(2026, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)


class ViewBuilderTestCase(test.NoDBTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.request = wsgi.Request.blank(
            '/os-pci-flavors', base_url='http://localhost/v2.1'
        )
        self.request.environ['nova.context'] = context.RequestContext()
        self.flavor = pci_flavor.PciFlavor(
            uuid=uuidsentinel.flavor,
            name='bigGPU',
            specs={'vendor_id': '8086'},
            projects=['secret'],
            created_at=CREATED,
        )
        self.builder = views.ViewBuilder()
        path = f'os-pci-flavors/{uuidsentinel.flavor}'
        self.basic = {
            'uuid': uuidsentinel.flavor,
            'name': 'bigGPU',
            'description': None,
            'links': [
                {'rel': 'self', 'href': f'http://localhost/v2.1/{path}'},
                {'rel': 'bookmark', 'href': f'http://localhost/{path}'},
            ],
        }
        self.full = self.basic | {
            'is_public': True,
            'live_migration': 'forbid',
            'specs': {'vendor_id': '8086'},
            'created_at': '2026-01-01T00:00:00Z',
            'updated_at': None,
        }

    def test_show(self) -> None:
        self.assertEqual(
            {'pci_flavor': self.full},
            self.builder.show(self.request, self.flavor),
        )

    def test_show_after_an_update(self) -> None:
        self.flavor.updated_at = UPDATED
        self.full['updated_at'] = '2026-02-03T04:05:06Z'
        self.assertEqual(
            {'pci_flavor': self.full},
            self.builder.show(self.request, self.flavor),
        )

    def test_index_and_detail(self) -> None:
        usage = {'total': 4, 'available': 1, 'allocated': 2}
        self.assertEqual(
            {'pci_flavors': [self.basic]},
            self.builder.index(self.request, [self.flavor]),
        )
        self.assertEqual(
            {'pci_flavors': [self.full | {'usage': usage}]},
            self.builder.detail(
                self.request, [self.flavor], {'bigGPU': usage}
            ),
        )

    def test_available_attributes_are_sorted(self) -> None:
        view = self.builder.available_attributes(['vendor_id', 'e.group'])
        self.assertEqual(
            [('e.group', 'True'), ('vendor_id', 'True')],
            list(view['pci_flavor']['specs'].items()),
        )
