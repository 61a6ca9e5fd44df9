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
from oslotest import base

from pci_ext import exception
from pci_ext.activation import active
from pci_ext.tests import fixtures as pci_ext_fixtures


class RequireTest(base.BaseTestCase):
    def test_error_names_the_missing_configuration_line(self) -> None:
        with pci_ext_fixtures.Activation():
            self.assertTrue(active.is_active())
        error = self.assertRaises(
            exception.NotActivated, active.require, 'The part'
        )
        self.assertIn('The part', error.format_message())
        self.assertIn('driver = pci_ext', error.format_message())
        self.assertIn('[oslo_messaging_notifications]', error.format_message())

    def test_logs_once_that_pci_ext_is_active(self) -> None:
        active._announce.cache_clear()
        self.useFixture(pci_ext_fixtures.Activation())
        # Set up after activation, as a service sets up its logging.
        log = self.useFixture(fixtures.FakeLogger())
        for _ in range(2):
            active.require('The part')
        self.assertEqual(
            1,
            log.output.count(
                'pci_ext is active: it replaces nova.pci.whitelist.Whitelist, '
            ),
        )
