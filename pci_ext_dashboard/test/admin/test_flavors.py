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

from django.urls import reverse

from pci_ext_dashboard.test import base
from pci_ext_dashboard.test import fake_api

INDEX = reverse('horizon:admin:pci_flavors:index')


class FlavorsTestCase(base.DashboardTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.flavors = [
            fake_api.make_flavor(
                'bigGPU',
                description='A100',
                specs={'vendor_id': '10de', 'product_id': '20b[0-2]'},
            ),
            fake_api.make_flavor('trialGPU', is_public=False),
        ]
        self.log_in_as('admin')


class IndexTestCase(FlavorsTestCase):
    def test_lists_pci_flavors(self) -> None:
        response = self.client.get(INDEX)
        self.assert_shows(
            response,
            *('bigGPU', 'A100', 'product_id=20b[0-2], vendor_id=10de'),
            *('Yes', 'forbid', '3 of 4', 'trialGPU', 'No'),
        )
        self.assertEqual(1, len(self.api.calls))
