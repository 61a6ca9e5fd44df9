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

"""Requests to controllers of Nova while the database is not usable."""

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.tests import fixtures as nova_fixtures
from oslo_utils import timeutils
from oslo_utils import uuidutils
import webob

from pci_ext.api import router
from pci_ext.db import api as db_api
from pci_ext.requests import from_flavor
from pci_ext.tests import fixtures
from pci_ext.tests.component import flavors
from pci_ext.tests.component.api import base
from pci_ext.tests.component.db import base as db_base

IMAGE = '155d900f-4e14-4e4c-a73d-069cbf4541e6'

ALIAS = '{"name": "known", "vendor_id": "8086", "product_id": "10c9"}'


class UnusableDatabaseTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Activation())
        self.useFixture(nova_fixtures.NeutronFixture(self))
        self.useFixture(nova_fixtures.GlanceFixture(self))
        self.flags(alias=[ALIAS], group='pci')
        host = self.create_host('cell1', 'host')
        self.server = self.create_server('cell1', 'server', host)
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            objects.Service(
                cell_context,
                host='host',
                binary='nova-compute',
                topic='compute',
                report_count=1,
                last_seen_up=timeutils.utcnow(),
            ).create()
            instance = objects.Instance.get_by_uuid(cell_context, self.server)
            instance.flavor = self.make_flavor('hw:a', 'b')
            instance.save()

    def create_flavor(self, key: str, value: str) -> str:
        """Create a flavor with an extra spec, and return its id."""
        return str(self.make_flavor(key, value).flavorid)

    def make_flavor(self, key: str, value: str) -> objects.Flavor:
        flavor = flavors.make_flavor(
            self.context,
            f'flavor-{uuidutils.generate_uuid()}',
            extra_specs={key: value},
        )
        flavor.create()
        return flavor

    def boot(self, key: str, value: str) -> webob.Response:
        body = {
            'name': 'server',
            'imageRef': IMAGE,
            'flavorRef': self.create_flavor(key, value),
        }
        return self.call('POST', '/servers', {'server': body})

    def act(self, action: dict[str, Any]) -> webob.Response:
        return self.call('POST', f'/servers/{self.server}/action', action)

    def assertUnavailable(self, text: str, response: webob.Response) -> None:
        self.assertEqual(503, response.status_int, response.text)
        fault = response.json['serviceUnavailable']
        self.assertEqual(503, fault['code'])
        self.assertIn(text, fault['message'])

    def assertRequestsUnavailable(self, text: str) -> None:
        """Check requests for PCI flavors and names of devices."""
        self.assertUnavailable(text, self.boot(from_flavor.PCI_FLAVOR, 'gpu'))
        resize = {
            'flavorRef': self.create_flavor(from_flavor.PCI_FLAVOR, '2:gpu')
        }
        self.assertUnavailable(text, self.act({'resize': resize}))
        path = f'/flavors/{self.create_flavor("hw:a", "b")}/os-extra_specs'
        body = {'extra_specs': {from_flavor.PCI_FLAVOR: 'gpu'}}
        self.assertUnavailable(
            text, self.call('POST', path, body, version='2.86')
        )
        # Other requests of Nova are served.
        for served in f'/servers/{self.server}', '/flavors':
            self.assertEqual(200, self.call('GET', served).status_int)

    def test_database_without_tables(self) -> None:
        db_base.empty(db_api.get_engine())
        self.assertRequestsUnavailable('lacks tables')
        # The limits are not known either.
        response = self.boot(from_flavor.ALIAS, 'known:1')
        self.assertUnavailable('lacks tables', response)

    def test_database_that_does_not_answer(self) -> None:
        db_api.configure(db_base.config('sqlite:////nowhere/at/all'))
        self.assertRequestsUnavailable('does not answer')

    def test_database_whose_driver_is_missing(self) -> None:
        db_api.configure(db_base.config('mysql+mysqldb://h/x'))
        self.assertRequestsUnavailable("No module named 'MySQLdb'")

    def test_database_that_is_not_configured(self) -> None:
        self.app = base.openstack.FaultWrapper(router.RouterWithoutDatabase())
        text = 'is not configured'
        self.assertRequestsUnavailable(text)
        # Nova's compute API would lose the request when the server moves.
        response = self.boot(from_flavor.PCI_NAME, '10GE')
        self.assertUnavailable(text, response)
        response = self.boot(from_flavor.ALIAS, 'known:1')
        self.assertEqual(202, response.status_int, response.text)

    def test_other_errors_keep_their_status(self) -> None:
        response = self.boot(from_flavor.PCI_FLAVOR, 'gpu')
        self.assertEqual(400, response.status_int, response.text)
        self.stub_out(
            'nova.compute.api.API.get_all',
            lambda *args, **kwargs: objects.nowhere,
        )
        response = self.call('GET', '/servers')
        self.assertEqual(500, response.status_int, response.text)
