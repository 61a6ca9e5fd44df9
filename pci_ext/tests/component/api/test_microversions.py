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

import pathlib
import re
from typing import Any

import ddt
from nova import test
from nova.api import openstack
from nova.api.openstack import wsgi
from oslo_serialization import jsonutils
import webob

from pci_ext.api import microversions
from pci_ext.tests.component.api import base

HEADER = 'OpenStack-API-Version'

PATHS = ('/os-pci', '/os-pci-flavors', '/os-pci-flavors/0')


@ddt.ddt
class MicroversionsTestCase(base.RouterTestCase):
    def send(
        self,
        *headers: str,
        path: str = '/os-pci',
        body: dict[str, Any] | None = None,
    ) -> webob.Response:
        request = wsgi.Request.blank(path, base_url='http://localhost/v2.1')
        request.environ['nova.context'] = self.context
        if headers:
            # WSGI servers join several headers of one name.
            request.headers[HEADER] = ','.join(headers)
        if body is not None:
            request.method = 'POST'
            request.content_type = 'application/json'
            request.body = jsonutils.dump_as_bytes(body)
        return request.get_response(self.app)

    def assert_chosen(
        self,
        response: webob.Response,
        status: int = 200,
        nova: str = '2.1',
        pci: str = '1.0',
    ) -> None:
        self.assertEqual(status, response.status_int, response.text)
        self.assertEqual(
            [f'compute {nova}, pci {pci}'], response.headers.getall(HEADER)
        )
        self.assertEqual(
            1, response.headers.getall('Vary').count(HEADER), response.headers
        )

    def assert_refused(
        self, status: int, response: webob.Response, *texts: str
    ) -> None:
        self.assertEqual(status, response.status_int, response.text)
        (fault,) = response.json.values()
        self.assertEqual(status, fault['code'])
        for text in texts:
            self.assertIn(text, fault['message'])
        self.assertIn(HEADER, response.headers.getall('Vary'))

    def test_default_is_the_oldest_version(self) -> None:
        for path in PATHS:
            self.assert_chosen(self.send(path=path))

    @ddt.data(('1.0', '1.0'), ('latest', '1.0'), (' 1.0 ', '1.0'))
    @ddt.unpack
    def test_accepts_a_supported_version(
        self, version: str, used: str
    ) -> None:
        self.assert_chosen(self.send(f'pci {version}'), pci=used)

    @ddt.data(
        ('compute 2.90, pci 1.0',),
        ('pci 1.0,compute 2.90',),
        ('compute 2.90', 'pci 1.0'),
        ('compute 2.90, placement 1.7, pci 1.0',),
        ('PCI 1.0, Compute 2.90',),
        ('compute 2.90',),
    )
    def test_accepts_a_version_of_nova_in_the_same_header(
        self, headers: tuple[str, ...]
    ) -> None:
        self.assert_chosen(self.send(*headers), nova='2.90')

    @ddt.data('0.9', '1.1', '2.0', '99999999.1', '-1.0')
    def test_refuses_an_unsupported_version(self, version: str) -> None:
        for path in PATHS:
            self.assert_refused(
                406,
                self.send(f'compute 2.90, pci {version}', path=path),
                f'Version {version} of the PCI API is not supported',
                'minimum is 1.0 and the maximum 1.0',
            )

    @ddt.data('1', '1.', '.0', '1.0.0', 'x.y', '1,0', 'newest', '1.0 2.0')
    def test_refuses_a_malformed_version(self, version: str) -> None:
        for path in PATHS:
            self.assert_refused(
                400,
                self.send(f'compute 2.90, pci {version}', path=path),
                version.partition(',')[0],
                'X.Y',
            )

    def test_refuses_an_unsupported_version_of_nova(self) -> None:
        response = self.send('compute 2.9999, pci 1.0')
        self.assertEqual(406, response.status_int, response.text)
        self.assertIn('2.9999', response.text)

    def test_error_responses_have_the_version(self) -> None:
        self.assert_chosen(self.send(path='/os-pci-flavors/nosuch'), 404)
        self.assert_chosen(self.send(path='/os-pci?color=red'), 400)

    def test_unsupported_version_changes_nothing(self) -> None:
        response = self.send(
            'pci 7.0',
            path='/os-pci-flavors',
            body={'pci_flavor': {'name': 'new'}},
        )
        self.assertEqual(406, response.status_int)
        self.assertEqual(
            [], self.send(path='/os-pci-flavors').json['pci_flavors']
        )

    def test_legacy_v2_ignores_versions(self) -> None:
        self.app = openstack.LegacyV2CompatibleWrapper(self.app)
        response = self.send('pci 7.0')
        self.assertEqual(200, response.status_int, response.text)
        self.assertNotIn(HEADER, response.headers)
        self.assertNotIn(HEADER, response.headers.getall('Vary'))

    def test_routes_of_nova_ignore_the_pci_version(self) -> None:
        for headers in (('pci 7.0',), ('pci x',), ()):
            response = self.send(*headers, path='/flavors')
            self.assertEqual(200, response.status_int)
            self.assertEqual('compute 2.1', response.headers[HEADER])


class HistoryTestCase(test.NoDBTestCase):
    def test_history_has_every_version(self) -> None:
        path = pathlib.Path(microversions.__file__).with_name(
            'rest_api_version_history.rst'
        )
        documented = re.findall(
            r'^(\d+\.\d+)(?: \(.*\))?\n-+$', path.read_text('utf-8'), re.M
        )
        self.assertEqual(list(microversions.VERSIONS), documented)
