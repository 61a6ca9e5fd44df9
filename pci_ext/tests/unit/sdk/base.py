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

"""A connection of openstacksdk to a fake compute service."""

import openstack
from oslotest import base

from pci_ext.tests import fake_compute


class ConnectionTestCase(base.BaseTestCase):
    """Has the fake service ``api``, and ``conn`` with the hook of pci_ext."""

    def setUp(self):
        super().setUp()
        self.api = self.useFixture(fake_compute.ComputeApi())
        self.conn = self.connect(vendor_hook='pci_ext.sdk:load')

    def connect(self, **options):
        conn = openstack.connect(
            load_yaml_config=False,
            load_envvars=False,
            auth_type='none',
            compute_endpoint_override=self.api.endpoint,
            **options,
        )
        self.addCleanup(conn.close)
        return conn

    def answer(self, request, body=None, status=200):
        """Set the answer to a request, such as ``GET /os-pci-pools``."""
        self.api.responses[request] = (status, body)

    def assertRequests(self, *expected):
        """Check the requests: each a text, or a tuple with its body."""
        self.assertEqual(
            [
                each if isinstance(each, tuple) else (each, None)
                for each in expected
            ],
            self.api.requests,
        )
