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

"""Nova's own tests of PCI devices, run with pci_ext active.

They are loaded from the installed Nova, unmodified. A worker installs the
seams before it imports them. With PCI_EXT_ACTIVATE=0 in the environment no
seam is installed: this run is the baseline for tools/compare_verdicts.py.
"""

import importlib
import logging
import os
import unittest

# It selects the concurrency mode, before other modules of Nova are imported.
from nova.tests import functional  # noqa: F401
from oslotest import base

from pci_ext.activation import activator
from pci_ext.activation import active
from pci_ext.tests import thread_pools  # noqa: F401

MODULES = (
    'nova.tests.functional.libvirt.test_pci_sriov_servers',
    'nova.tests.functional.libvirt.test_pci_in_placement',
)

ACTIVATE = os.environ.get('PCI_EXT_ACTIVATE', '1') != '0'

# Its thread pools log their end after the fixture that captures logs.
logging.getLogger('nova.thread_pool_factory').setLevel(logging.WARNING)

if ACTIVATE:
    activator.activate()


class TestActivation(base.BaseTestCase):
    """The verdicts of this worker are valid."""

    def test_seams_are_as_configured(self) -> None:
        self.assertIs(ACTIVATE, active.is_active())


def load_tests(
    loader: unittest.TestLoader,
    tests: unittest.TestSuite,
    pattern: str | None,
) -> unittest.TestSuite:
    """Add Nova's test cases to the tests of this module."""
    for name in MODULES:
        module = importlib.import_module(name)
        tests.addTests(loader.loadTestsFromModule(module))
    return tests
