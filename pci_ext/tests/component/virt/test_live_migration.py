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

"""Failed live migrations of simulated hosts whose rollback fails too."""

import os
from typing import Any

import fixtures
from nova import exception as nova_exception
from nova import objects

from pci_ext.tests.component.compute.migration import source_server
from pci_ext.virt.fake import hypervisor
from pci_ext.virt.fake import injected_faults
from pci_ext.virt.fake import inventory

_API = 'pci_ext.compute.rpcapi.ComputeAPI'
_ROLLBACK = 'rollback_live_migration_at_source'


class FailureTestCase(source_server.SourceTestCase):
    """Nova's rollback of a failed live migration may fail as well."""

    def setUp(self) -> None:
        super().setUp()
        self.conf.config(group='pci_ext', reattach_delay=0)
        self.set_policy(live_migration='hotplug')
        # Calls of the destination, and the rollback of Nova's driver.
        self.called: list[str] = []
        for place, name in (
            (_API, 'retry_reattach'),
            (_API, 'release_claims'),
            ('pci_ext.virt.fake.transfer.TransferDriver', _ROLLBACK),
        ):
            self.useFixture(
                fixtures.MonkeyPatch(f'{place}.{name}', self._record(name))
            )
        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.virt.fake.hypervisor.HYPERVISORS',
                {'dest': self.destination()},
            )
        )

    def destination(self) -> hypervisor.Domains:
        return hypervisor.Domains(
            os.path.join(self.directory, 'destination.json'),
            injected_faults.Faults(None),
            inventory.Inventory('dest'),
            self.fail,
        )

    def _record(self, name: str) -> Any:
        def called(*_args: object) -> None:
            self.called.append(name)
            if name == _ROLLBACK:
                # libvirt refuses an interface that is in the domain already.
                raise nova_exception.InterfaceAttachFailed(
                    instance_uuid=self.server
                )

        return called

    def make_unresponsive(self) -> None:
        self.inject_faults(
            release_delay={self.domain()[1]: 'never'}, timeout=0
        )

    def migrate(self) -> None:
        driver = self.compute.driver
        data = objects.LibvirtLiveMigrateData(
            pci_dev_map_src_dst={},
            migration=objects.Migration(id=1, dest_compute='dest'),
        )

        def recover(
            context: Any,
            instance: objects.Instance,
            dest: str,
            migrate_data: Any,
            migration_status: str,
        ) -> None:
            self.before_rollback()
            getattr(driver, _ROLLBACK)(context, instance, migrate_data)

        instance = self.instance(self.server)
        driver.live_migration(
            self.context, instance, 'dest', None, recover, False, data
        )

    def before_rollback(self) -> None:
        """Do nothing; a test replaces this by a failure of Nova's rollback."""

    def assertAllAttached(self) -> None:
        self.assertEqual(2, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        self.assertNoPendingReattach()

    def test_unresponsive_guest_gets_its_devices_back(self) -> None:
        self.make_unresponsive()
        self.migrate()
        self.assertAllAttached()
        self.assertEqual(['release_claims'], self.called)

    def test_failed_transfer_gets_devices_back(self) -> None:
        self.inject_faults(transfer_fails=True)
        self.assertRaises(nova_exception.InterfaceAttachFailed, self.migrate)
        self.assertAllAttached()
        self.assertEqual(
            [_ROLLBACK, 'release_claims', 'retry_reattach'], self.called
        )

    def test_failed_rollback_gets_devices_back(self) -> None:
        def fail() -> None:
            raise nova_exception.PlacementAPIConnectFailure()

        self.before_rollback = fail  # type: ignore[method-assign]
        self.make_unresponsive()
        self.assertRaises(
            nova_exception.PlacementAPIConnectFailure, self.migrate
        )
        self.assertAllAttached()
        self.assertEqual(['retry_reattach'], self.called)
