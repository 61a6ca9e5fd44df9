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

import sys
import types

import fixtures
from oslotest import base

from pci_ext import exception
from pci_ext.activation import activator
from pci_ext.activation import seam
from pci_ext.claims import stats


class SeamTest(base.BaseTestCase):
    def test_nova_has_the_names_and_signatures_of_each_seam(self) -> None:
        for each in activator.seams():
            each.check()

    def test_error_names_a_changed_signature(self) -> None:
        def consume_requests(self, pci_requests, numa_cells, policy):
            return None

        self.useFixture(
            fixtures.MockPatchObject(
                stats.SEAM.current, 'consume_requests', consume_requests
            )
        )
        error = self.assertRaises(exception.SeamChanged, stats.SEAM.check)
        message = error.format_message()
        self.assertIn(
            'nova.pci.stats.PciDeviceStats.consume_requests', message
        )
        self.assertIn('(self, pci_requests, numa_cells, policy)', message)

    def test_error_names_a_missing_method(self) -> None:
        missing = seam.Seam(
            module='nova.pci.stats',
            name='PciDeviceStats',
            replacement=None,
            signatures={'no_such_method': ('self',)},
        )
        error = self.assertRaises(exception.SeamChanged, missing.check)
        self.assertIn(
            'nova.pci.stats.PciDeviceStats.no_such_method',
            error.format_message(),
        )

    def test_error_names_a_missing_class(self) -> None:
        missing = seam.Seam(
            module='nova.pci.stats',
            name='NoSuchClass',
            replacement=None,
            signatures={'__init__': ('self',)},
        )
        error = self.assertRaises(exception.SeamChanged, missing.check)
        self.assertIn('nova.pci.stats.NoSuchClass', error.format_message())

    def test_error_names_a_module_that_imports_the_class(self) -> None:
        importer = types.ModuleType('nova.pci.importer')
        importer.PciDeviceStats = stats.SEAM.current
        self.useFixture(
            fixtures.MonkeyPatch(
                'sys.modules', {**sys.modules, importer.__name__: importer}
            )
        )
        error = self.assertRaises(exception.SeamChanged, stats.SEAM.check)
        self.assertIn('nova.pci.importer', error.format_message())
