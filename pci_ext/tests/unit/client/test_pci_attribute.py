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

from pci_ext.tests.unit.client import base


class TestList(base.ShellTestCase):
    def test_lists_attributes_in_order(self):
        self.api.responses['GET /os-pci-flavors/0'] = (
            200,
            {'pci_flavor': {'specs': {'vendor_id': 'True', 'e.x': 'True'}}},
        )
        self.assertEqual(
            [{'Attribute': 'e.x'}, {'Attribute': 'vendor_id'}],
            self.json_of('pci', 'attribute', 'list'),
        )

    def test_prints_the_error_message_of_the_api(self):
        self.api.responses['GET /os-pci-flavors/0'] = (
            403,
            {'forbidden': {'code': 403, 'message': 'Policy forbids it.'}},
        )
        self.assertEqual(
            'Policy forbids it.\n',
            self.error_of('pci', 'attribute', 'list'),
        )
