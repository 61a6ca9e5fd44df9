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

import dataclasses
import pathlib

import fixtures

from pci_ext.activation import activator
from pci_ext.cmd.checks import configuration
from pci_ext.tests.component.cmd.checks import base

NOTIFICATIONS = 'oslo_messaging_notifications'
NOVA_FILTERS = 'nova.scheduler.filters.all_filters'
OUR_FILTERS = 'pci_ext.scheduler.filters.all_filters'


class FilesReadTestCase(base.CheckTestCase):
    def test_names_the_files(self) -> None:
        folder = self.useFixture(fixtures.TempDir())
        for name in ('b.conf', 'a.conf', 'notes'):
            pathlib.Path(folder.join(name)).touch()
        self.flags(config_file=['nova.conf'], config_dir=[folder.path])
        result = configuration.files_read()
        self.assertEqual(
            f'Read: nova.conf, {folder.join("a.conf")}, '
            f'{folder.join("b.conf")}.',
            result.details,
        )

    def test_warns_if_there_are_none(self) -> None:
        self.assert_problem(
            base.WARNING,
            configuration.files_read,
            'No configuration file was found',
            '--config-file',
        )


class ActivatedTestCase(base.CheckTestCase):
    def configure(self, *drivers: str) -> None:
        configuration.register_messaging()
        self.flags(group=NOTIFICATIONS, driver=list(drivers))

    def test_succeeds_with_the_notification_driver(self) -> None:
        for drivers in (['pci_ext'], ['messagingv2', 'pci_ext']):
            self.configure(*drivers)
            self.assert_success(configuration.activated)

    def test_fails_without_the_notification_driver(self) -> None:
        for drivers in ([], ['messagingv2']):
            self.configure(*drivers)
            self.assert_problem(
                base.FAILURE,
                configuration.activated,
                'add "driver = pci_ext"',
                '[oslo_messaging_notifications]',
            )

    def test_fails_if_nova_has_changed(self) -> None:
        self.configure('pci_ext')
        first, *others = activator.seams()
        changed = dataclasses.replace(first, signatures={'gone': ('self',)})
        self.patch(activator, 'seams', lambda: (changed, *others))
        self.assert_problem(
            base.FAILURE,
            configuration.activated,
            'Whitelist.gone',
            'Install a release of pci_ext that supports this version of Nova',
        )


class FilterTestCase(base.CheckTestCase):
    def configure(
        self,
        *enabled: str,
        available: tuple[str, ...] = (NOVA_FILTERS, OUR_FILTERS),
    ) -> None:
        self.flags(
            group='filter_scheduler',
            enabled_filters=['ComputeFilter', *enabled],
            available_filters=list(available),
        )

    def test_succeeds_with_the_filters_of_nova(self) -> None:
        for enabled in ((), ('PciPassthroughFilter',)):
            self.configure(*enabled, available=(NOVA_FILTERS,))
            self.assert_success(configuration.scheduler_starts)

    def test_succeeds_if_the_filter_is_named(self) -> None:
        for ours in (
            OUR_FILTERS,
            'pci_ext.scheduler.filters.pci_flavor_filter.PciFlavorFilter',
        ):
            self.configure('PciFlavorFilter', available=(NOVA_FILTERS, ours))
            self.assert_success(configuration.scheduler_starts)

    def test_fails_if_a_named_filter_is_not_available(self) -> None:
        self.configure('PciFlavorFilter', available=(NOVA_FILTERS,))
        self.assert_problem(
            base.FAILURE,
            configuration.scheduler_starts,
            'available_filters does not have',
            ': PciFlavorFilter. ',
        )

    def test_fails_if_filters_cannot_be_loaded(self) -> None:
        self.configure('PciFlavorFilter', available=('pci_ext.no.filters',))
        self.assert_problem(
            base.FAILURE,
            configuration.scheduler_starts,
            'available_filters cannot be loaded: ',
            'pci_ext.no',
        )

    def test_is_not_checked_on_a_compute_host(self) -> None:
        self.configure()
        self.flags(connection=None, group='api_database')
        self.assert_not_checked(configuration.scheduler_starts)
