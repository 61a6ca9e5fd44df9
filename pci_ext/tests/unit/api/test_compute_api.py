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

import fixtures
from nova.compute import api
from oslotest import base

from pci_ext import exception
from pci_ext.api import compute_api


class ComputeAPITestCase(base.BaseTestCase):
    def test_error_names_a_changed_signature(self) -> None:
        def _provision_instances(self, context, flavor, count):
            return None

        self.useFixture(
            fixtures.MockPatchObject(
                api.API, '_provision_instances', _provision_instances
            )
        )
        error = self.assertRaises(
            exception.SeamChanged, compute_api.ComputeAPI
        )
        self.assertIn(
            'nova.compute.api.API._provision_instances',
            error.format_message(),
        )
        self.assertIn('flavor, count)', error.format_message())
