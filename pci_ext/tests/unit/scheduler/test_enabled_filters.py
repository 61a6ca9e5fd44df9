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

"""Tests of the filters that nova-scheduler runs."""

from typing import Any

from nova.scheduler import host_manager
from nova.scheduler.filters import compute_filter
from nova.scheduler.filters import pci_passthrough_filter
from oslotest import base

from pci_ext.scheduler.filters import pci_flavor_filter
from pci_ext.tests import fixtures as pci_ext_fixtures

CLASSES = (
    compute_filter.ComputeFilter,
    pci_passthrough_filter.PciPassthroughFilter,
    pci_flavor_filter.PciFlavorFilter,
)


class EnabledFiltersTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(pci_ext_fixtures.Activation())

    def choose(self, *names: str) -> list[str]:
        """Return the filters that run with these enabled."""
        # The constructor reads the hosts of the cloud.
        manager: Any = object.__new__(host_manager.HostManager)
        manager.filter_cls_map = {each.__name__: each for each in CLASSES}
        manager.filter_obj_map = {}
        return [
            type(each).__name__ for each in manager._choose_host_filters(names)
        ]

    def test_adds_the_filter(self) -> None:
        self.assertEqual(
            ['ComputeFilter', 'PciFlavorFilter'], self.choose('ComputeFilter')
        )

    def test_replaces_the_filter_of_nova(self) -> None:
        self.assertEqual(
            ['PciFlavorFilter', 'ComputeFilter'],
            self.choose('PciPassthroughFilter', 'ComputeFilter'),
        )

    def test_runs_a_filter_that_is_enabled_once(self) -> None:
        self.assertEqual(
            ['ComputeFilter', 'PciFlavorFilter'],
            self.choose('ComputeFilter', 'PciFlavorFilter'),
        )

    def test_does_not_run_both_filters(self) -> None:
        self.assertEqual(
            ['PciFlavorFilter'],
            self.choose('PciPassthroughFilter', 'PciFlavorFilter'),
        )
