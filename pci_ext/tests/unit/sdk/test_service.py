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

import openstack

from pci_ext import sdk
from pci_ext.sdk.v1 import _proxy
from pci_ext.tests.unit.sdk import base


class TestService(base.ConnectionTestCase):
    def test_is_the_compute_service(self):
        self.answer('GET /os-pci-pools', {'pci_pools': [], 'cells_down': []})
        self.assertIsInstance(self.conn.pci, _proxy.Proxy)
        self.assertEqual([], list(self.conn.pci.pools()))
        self.assertRequests('GET /os-pci-pools')

    def test_a_program_adds_it(self):
        conn = self.connect()
        sdk.load(conn)
        self.answer('GET /os-pci-pools', {'pci_pools': [], 'cells_down': []})
        self.assertEqual([], list(conn.pci.pools()))

    def test_has_the_version_of_the_compute_service(self):
        conn = self.connect(
            vendor_hook='pci_ext.sdk:load', compute_default_microversion='2.90'
        )
        self.answer('GET /os-pci-pools', {'pci_pools': [], 'cells_down': []})
        list(conn.pci.pools())
        self.assertEqual(['compute 2.90'], self.api.versions)

    def test_tells_of_a_cloud_without_a_compute_service(self):
        conn = self.connect(vendor_hook='pci_ext.sdk:load', has_compute=False)
        self.assertRaises(
            openstack.exceptions.ServiceDisabledException,
            lambda: conn.pci.pools(),
        )
