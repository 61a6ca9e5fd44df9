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

from pci_ext.tests.component.api import base


class PciVersionsTestCase(base.RouterTestCase):
    def expected(self, href: str) -> dict[str, object]:
        return {
            'versions': [
                {
                    'id': 'v1',
                    'status': 'CURRENT',
                    'version': '1.0',
                    'min_version': '1.0',
                    'links': [{'rel': 'self', 'href': href}],
                }
            ]
        }

    def test_lists_versions(self) -> None:
        response = self.call('GET', '/os-pci')
        self.assertEqual(200, response.status_int, response.text)
        self.assertEqual(
            self.expected('http://localhost/v2.1/os-pci'), response.json
        )

    def test_link_has_the_project_of_the_path(self) -> None:
        response = self.call('GET', f'/{base.OWN_PROJECT}/os-pci')
        self.assertEqual(
            self.expected(f'http://localhost/v2.1/{base.OWN_PROJECT}/os-pci'),
            response.json,
        )

    def test_link_has_the_configured_prefix(self) -> None:
        self.flags(group='api', compute_link_prefix='https://cloud/compute')
        response = self.call('GET', '/os-pci')
        self.assertEqual(
            self.expected('https://cloud/compute/v2.1/os-pci'), response.json
        )

    def test_refuses_an_unknown_query_parameter(self) -> None:
        response = self.call('GET', '/os-pci?color=red')
        self.assertEqual(400, response.status_int)
