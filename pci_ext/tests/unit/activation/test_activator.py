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

import importlib
import os
import subprocess
import sys
import textwrap

import fixtures
from nova.compute import api
from oslotest import base

from pci_ext import exception
from pci_ext.activation import activator
from pci_ext.activation import active
from pci_ext.tests import fixtures as pci_ext_fixtures

# Starts nova-scheduler after a signature of Nova has been changed.
SCHEDULER_ON_CHANGED_NOVA = """
    import sys
    from nova.cmd import scheduler
    from nova.pci import stats

    def consume_requests(self, pci_requests):
        pass

    stats.PciDeviceStats.consume_requests = consume_requests
    sys.argv = ['nova-scheduler', '--config-file', {config!r}]
    scheduler.main()
"""

CONFIG = """
    [DEFAULT]
    transport_url = fake:/
    [oslo_messaging_notifications]
    driver = pci_ext
"""


class ActivationTest(base.BaseTestCase):
    def test_installs_every_seam(self) -> None:
        self.useFixture(pci_ext_fixtures.Activation())
        self.assertTrue(active.is_active())
        for seam in activator.seams():
            self.assertIs(seam.replacement, seam.current)

    def test_installs_no_seam_if_one_does_not_match(self) -> None:
        with pci_ext_fixtures.Activation():
            self.assertTrue(active.is_active())
        self.useFixture(
            fixtures.MonkeyPatch(
                'nova.pci.stats.PciDeviceStats.apply_requests', None
            )
        )
        self.assertRaises(exception.SeamChanged, activator.activate)
        self.assertFalse(any(seam.installed for seam in activator.seams()))

    def test_refuses_a_changed_compute_api_of_nova(self) -> None:
        def resize(self, context, server):
            return None

        self.useFixture(pci_ext_fixtures.Activation())
        self.useFixture(fixtures.MockPatchObject(api.API, 'resize', resize))
        error = self.assertRaises(exception.SeamChanged, activator.activate)
        self.assertIn('nova.compute.api.API.resize', error.format_message())

    def test_error_names_the_value_that_does_not_parse(self) -> None:
        fixture = self.useFixture(pci_ext_fixtures.Activation())
        fixture.conf.config(
            group='pci_ext', pci_information=['[{"vendor_id": "8086"}']
        )
        error = self.assertRaises(
            exception.InvalidPciInformation, activator.activate
        )
        self.assertIn('[{"vendor_id": "8086"}', error.format_message())

    def test_activating_twice_changes_nothing(self) -> None:
        self.useFixture(pci_ext_fixtures.Activation())
        before = [seam.current for seam in activator.seams()]
        activator.activate()
        after = [seam.current for seam in activator.seams()]
        self.assertEqual(before, after)

    def test_drivers_are_importable_from_nova_virt(self) -> None:
        self.useFixture(pci_ext_fixtures.Activation())
        module = importlib.import_module('nova.virt.pci_ext')
        self.assertEqual('FakeDriver', module.FakeDriver.__name__)
        error = self.assertRaises(AttributeError, getattr, module, 'NoDriver')
        self.assertIn(
            'compute_driver is one of pci_ext.LibvirtDriver, ', str(error)
        )

    def test_a_service_does_not_start_on_a_changed_nova(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        config = os.path.join(directory, 'nova.conf')
        with open(config, 'w') as stream:
            stream.write(textwrap.dedent(CONFIG))
        done = subprocess.run(
            [
                sys.executable,
                '-c',
                textwrap.dedent(SCHEDULER_ON_CHANGED_NOVA).format(
                    config=config
                ),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, 'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'true'},
        )
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn(
            'nova.pci.stats.PciDeviceStats.consume_requests is expected to be',
            done.stderr,
        )
