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

"""The versions of the API, over HTTP."""

import urllib3

from pci_ext.api import microversions
from pci_ext.tests import tags
from pci_ext.tests.functional import base

HEADER = 'OpenStack-API-Version'


@tags.tag(tags.NOVA33_SHORT)
class TestVersions(base.TestCase):
    HOSTS = {'host-1': []}

    def get(self, version: str, path: str = '/os-pci') -> urllib3.HTTPResponse:
        return self.request('GET', path, **{HEADER: version})

    def test_shows_the_supported_versions(self) -> None:
        response = self.get('compute 2.96')
        self.assertEqual(200, response.status, response.data)
        [version] = response.json()['versions']
        [link] = version.pop('links')
        self.assertEqual(
            {
                'id': 'v1',
                'status': 'CURRENT',
                'version': '1.0',
                'min_version': '1.0',
            },
            version,
        )
        # The link leads to the same document.
        again = urllib3.request(
            'GET',
            link['href'],
            headers={'X-Auth-Token': self.cloud.token('pci-ext')},
            retries=False,
        )
        self.assertEqual(response.json(), again.json())

    def test_negotiates_beside_the_microversion_of_nova(self) -> None:
        for requested, answered in (
            ('compute 2.90, pci 1.0', '1.0'),
            ('pci latest, compute 2.90', microversions.MAX_VERSION),
            ('compute 2.90', '1.0'),
        ):
            for path in ('/os-pci', '/os-pci-flavors'):
                response = self.get(requested, path)
                self.assertEqual(200, response.status, response.data)
                self.assertEqual(
                    f'compute 2.90, pci {answered}', response.headers[HEADER]
                )
                self.assertIn(HEADER, response.headers['Vary'])

    def test_accepts_several_headers(self) -> None:
        headers = urllib3.HTTPHeaderDict()
        headers.add('X-Auth-Token', self.cloud.token('pci-ext'))
        headers.add(HEADER, 'compute 2.90')
        headers.add(HEADER, 'pci 1.0')
        response = urllib3.request(
            'GET',
            f'{self.cloud.compute_url}/os-pci',
            headers=headers,
            retries=False,
        )
        self.assertEqual('compute 2.90, pci 1.0', response.headers[HEADER])

    def test_refuses_an_unsupported_version(self) -> None:
        response = self.get('compute 2.90, pci 1.2')
        self.assertEqual(406, response.status, response.data)
        self.assertIn(
            'Version 1.2 of the PCI API is not supported. The minimum is 1.0 '
            'and the maximum 1.0.',
            response.data.decode(),
        )

    def test_refuses_a_malformed_version(self) -> None:
        response = self.get('pci one')
        self.assertEqual(400, response.status, response.data)
        self.assertIn("Version 'one'", response.data.decode())

    def test_leaves_responses_of_nova_unchanged(self) -> None:
        response = self.get('compute 2.90, pci 9.9', '/flavors')
        self.assertEqual(200, response.status, response.data)
        self.assertEqual('compute 2.90', response.headers[HEADER])
