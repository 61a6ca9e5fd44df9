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

import ddt
from oslo_utils.fixture import uuidsentinel

from pci_ext.tests.component.api import base

CREATE = ('POST', '/os-pci-flavors', {'pci_flavor': {'name': 'gpu'}})


@ddt.ddt
class EncodingTestCase(base.RouterTestCase):
    """Requests with parts that are not UTF-8 or not JSON."""

    def assert_refused(
        self, method: str, path: str, body: bytes | None = None
    ) -> None:
        response = self.call(method, path, body)
        self.assertEqual(400, response.status_int, response.text)
        self.assertIn('badRequest', response.json)

    @ddt.data(
        ('GET', '/os-pci-flavors/%ff'),
        ('PUT', '/os-pci-flavors/%ff'),
        ('DELETE', '/os-pci-flavors/%c3%28'),
        ('GET', '/os-pci-flavors/%ff/access'),
        ('DELETE', '/os-pci-flavors/gpu/access/%ff'),
        ('GET', '/os-pci-devices/%ff'),
        ('GET', '/servers/%ff/os-pci-devices'),
    )
    @ddt.unpack
    def test_refuses_an_invalid_path(self, method: str, path: str) -> None:
        self.assert_refused(method, path)

    @ddt.data(
        '/os-pci',
        '/os-pci-flavors',
        '/os-pci-flavors/detail',
        '/os-pci-flavors/0',
        '/os-pci-flavors/gpu/access',
        '/os-pci-pools',
        '/os-pci-devices',
        f'/os-pci-devices/{uuidsentinel.device}',
        f'/servers/{uuidsentinel.server}/os-pci-devices',
    )
    def test_refuses_an_invalid_query(self, path: str) -> None:
        self.assert_refused('GET', f'{path}?host=%ff')
        self.assert_refused('GET', f'{path}?%ff=host')

    @ddt.data(
        ('POST', '/os-pci-flavors'),
        ('PUT', '/os-pci-flavors/gpu'),
        ('POST', '/os-pci-flavors/gpu/access'),
        ('POST', '/os-pci-flavors/evaluate'),
    )
    @ddt.unpack
    def test_refuses_an_invalid_body(self, method: str, path: str) -> None:
        self.call(*CREATE)
        for body in (
            b'{"pci_flavor": {"name": "\xff"}}',
            '{"pci_flavor": {"name": "x"}}'.encode('utf-16'),
            b'[' * 100000,
            b'{',
            b'',
        ):
            self.assert_refused(method, path, body)

    def test_accepts_an_invalid_unused_header(self) -> None:
        self.call(*CREATE)
        for name in ('Accept', 'Accept-Language', 'X-Color'):
            request = base.wsgi.Request.blank(
                '/os-pci-flavors/gpu', base_url='http://localhost/v2.1'
            )
            request.environ['nova.context'] = self.context
            request.headers[name] = '\xff'
            response = request.get_response(self.app)
            self.assertEqual(200, response.status_int, response.text)

    def test_accepts_names_with_non_ascii_characters(self) -> None:
        self.call('POST', '/os-pci-flavors', {'pci_flavor': {'name': 'größe'}})
        response = self.call('GET', '/os-pci-flavors/gr%C3%B6%C3%9Fe')
        self.assertEqual('größe', response.json['pci_flavor']['name'])
        response = self.call('GET', '/os-pci-flavors/gr%C3%B6%C3%9Fer')
        self.assertEqual(
            'PCI flavor größer could not be found.',
            response.json['itemNotFound']['message'],
        )
