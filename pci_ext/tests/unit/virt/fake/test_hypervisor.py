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

"""The domains of simulated hosts, as strict as those of libvirt."""

import json
import os
import threading
from typing import Any

from nova import exception as nova_exception
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from oslotest import base

from pci_ext import conf
from pci_ext import exception
from pci_ext.virt.fake import domain_transfer
from pci_ext.virt.fake import hypervisor
from pci_ext.virt.fake import injected_faults
from pci_ext.virt.fake import inventory

#: Two devices of one model, and one of another.
FIRST, SECOND, OTHER = (f'0000:0{bus}:00.0' for bus in (1, 2, 3))

GONE = '0000:7f:00.0'


class DomainsTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        conf.register_opts(cfg.CONF)
        self.directory = self.create_tempfiles([('unused', '')])[0] + '.d'
        os.mkdir(self.directory)
        self.write_hardware({FIRST: '0001', SECOND: '0001', OTHER: '0002'})
        self.useFixture(config_fixture.Config(cfg.CONF)).config(
            group='pci_ext', fake_hardware=self.path('hardware')
        )
        self.released: list[str] = []
        self.domains = self.load()

    def path(self, name: str) -> str:
        return os.path.join(self.directory, f'{name}.json')

    def write_hardware(self, models: dict[str, str]) -> None:
        """Write the product ids of the devices of two equal hosts."""
        cards = [
            {
                'kind': 'gpu',
                'vendor_id': '8086',
                'product_id': product_id,
                'address': address,
            }
            for address, product_id in models.items()
        ]
        hosts = [{'name': name, 'cards': cards} for name in ('here', 'there')]
        with open(self.path('hardware'), 'w', encoding='utf-8') as stream:
            json.dump({'hosts': hosts}, stream)

    def inject_faults(self, **faults: Any) -> None:
        with open(self.path('faults'), 'w', encoding='utf-8') as stream:
            json.dump(faults, stream)

    def load(self, host: str = 'here') -> hypervisor.Domains:
        """Load the domains of a host, as a restart of nova-compute does."""
        return hypervisor.Domains(
            self.path(host),
            injected_faults.Faults(self.path('faults')),
            inventory.Inventory(host),
            self.released.append,
        )

    def run_domain(self, uuid: str, *addresses: str) -> None:
        self.domains.define(uuid, addresses)
        self.domains.start(uuid)

    def assertRefused(
        self, reason: str, method: Any, *args: Any, **kwargs: Any
    ) -> None:
        error = self.assertRaises(
            exception.PciAttachFailed, method, *args, **kwargs
        )
        self.assertIn(reason, str(error))


class UnreachableTestCase(DomainsTestCase):
    def test_guests_outlive_it(self) -> None:
        self.run_domain('one', FIRST)
        self.inject_faults(unreachable=True)
        for method, *args in (
            (self.domains.devices, 'one'),
            (self.domains.attach, 'one', SECOND),
            (self.domains.detach, 'one', FIRST),
            (self.domains.stop, 'one'),
        ):
            self.assertRaises(
                nova_exception.HypervisorUnavailable, method, *args
            )
        self.inject_faults()
        self.assertEqual({FIRST}, self.domains.devices('one'))
        self.assertEqual({FIRST}, self.domains.definition('one'))


class InUseTestCase(DomainsTestCase):
    """No two guests have one device."""

    def setUp(self) -> None:
        super().setUp()
        self.run_domain('one', FIRST)

    def test_guest_is_not_started_with_a_device_of_another(self) -> None:
        self.domains.define('two', [FIRST, SECOND])
        self.assertRefused(
            f'{FIRST} was not attached: in use by domain one',
            self.domains.start,
            'two',
        )
        self.assertIsNone(self.domains.devices('two'))
        self.domains.stop('one')
        self.domains.start('two')
        self.assertEqual({FIRST, SECOND}, self.domains.devices('two'))

    def test_device_of_another_guest_is_not_attached(self) -> None:
        self.run_domain('two')
        self.assertRefused(
            'in use by domain one', self.domains.attach, 'two', FIRST
        )
        self.assertEqual(set(), self.domains.devices('two'))
        self.assertEqual(set(), self.domains.definition('two'))

    def test_device_of_the_guest_itself_is_not_attached_again(self) -> None:
        self.assertRefused(
            'in use by domain one', self.domains.attach, 'one', FIRST
        )

    def test_device_in_use_by_the_host(self) -> None:
        self.inject_faults(busy=[SECOND])
        self.domains.define('two', [SECOND])
        for method, args in (
            (self.domains.start, ('two',)),
            (self.domains.attach, ('one', SECOND)),
        ):
            self.assertRefused('in use by the host', method, *args)


class InventoryTestCase(DomainsTestCase):
    """No guest has a device that the host does not have."""

    def test_guest_is_not_started_with_it(self) -> None:
        self.domains.define('one', [GONE])
        self.assertRefused(
            'the host does not have it', self.domains.start, 'one'
        )
        self.assertIsNone(self.domains.devices('one'))

    def test_it_is_not_attached(self) -> None:
        self.run_domain('one')
        self.assertRefused(
            'the host does not have it', self.domains.attach, 'one', GONE
        )
        self.assertEqual(set(), self.domains.definition('one'))


class DefinitionTestCase(DomainsTestCase):
    """A domain has a definition beside its running guest."""

    def test_stays_when_the_guest_is_stopped(self) -> None:
        self.run_domain('one', FIRST)
        self.domains.stop('one')
        self.assertEqual({FIRST}, self.domains.definition('one'))
        self.assertEqual({'one'}, self.domains.uuids())

    def test_outlives_nova_compute(self) -> None:
        self.run_domain('one', FIRST)
        self.domains.define('one', [SECOND])
        self.domains = self.load()
        self.assertEqual({FIRST}, self.domains.devices('one'))
        self.assertEqual({SECOND}, self.domains.definition('one'))

    def test_attach_changes_both(self) -> None:
        self.run_domain('one', FIRST)
        self.domains.attach('one', SECOND)
        self.assertEqual({FIRST, SECOND}, self.domains.devices('one'))
        self.assertEqual({FIRST, SECOND}, self.domains.definition('one'))

    def test_attach_to_a_stopped_domain_changes_the_definition(self) -> None:
        self.domains.define('one', [])
        self.domains.attach('one', FIRST)
        self.assertIsNone(self.domains.devices('one'))
        self.assertEqual({FIRST}, self.domains.definition('one'))

    def test_detach_changes_it_even_if_the_guest_keeps_the_device(
        self,
    ) -> None:
        self.inject_faults(release_delay={FIRST: 'never'}, timeout=0)
        self.run_domain('one', FIRST)
        self.assertRaises(
            exception.PciDetachFailed, self.domains.detach, 'one', FIRST
        )
        self.assertEqual({FIRST}, self.domains.devices('one'))
        self.assertEqual(set(), self.domains.definition('one'))
        self.domains.stop('one')
        self.domains.start('one')
        self.assertEqual(set(), self.domains.devices('one'))

    def test_stays_when_a_guest_releases_its_devices_to_be_saved(
        self,
    ) -> None:
        self.run_domain('one', FIRST)
        self.domains.release('one', FIRST)
        self.domains.stop('one')
        self.domains.restore('one')
        self.assertEqual(set(), self.domains.devices('one'))
        self.domains.attach('one', FIRST, persistent=False)
        self.assertEqual({FIRST}, self.domains.devices('one'))
        self.assertEqual({FIRST}, self.domains.definition('one'))

    def test_is_removed_with_the_guest(self) -> None:
        self.run_domain('one', FIRST)
        self.domains.remove('one')
        self.assertIsNone(self.domains.devices('one'))
        self.assertIsNone(self.domains.definition('one'))
        self.run_domain('two', FIRST)


class PauseTestCase(DomainsTestCase):
    """A paused guest releases no device."""

    def setUp(self) -> None:
        super().setUp()
        self.inject_faults(timeout=0)
        self.run_domain('one', FIRST)
        self.domains.pause('one')

    def test_outlives_nova_compute(self) -> None:
        self.domains = self.load()
        self.assertTrue(self.domains.is_paused('one'))
        self.assertRaises(
            exception.PciDetachFailed, self.domains.detach, 'one', FIRST
        )
        self.domains = self.load()
        self.assertEqual({FIRST}, self.domains.devices('one'))
        self.domains.unpause('one')
        self.assertFalse(self.domains.is_paused('one'))
        self.assertEqual(set(), self.domains.devices('one'))
        self.assertEqual(['one'], self.released)

    def test_guest_that_keeps_a_device_keeps_it_after_unpause(self) -> None:
        self.inject_faults(release_delay={FIRST: 'never'}, timeout=0)
        self.assertRaises(
            exception.PciDetachFailed, self.domains.detach, 'one', FIRST
        )
        self.domains.unpause('one')
        self.assertEqual({FIRST}, self.domains.devices('one'))

    def test_ends_with_the_guest(self) -> None:
        self.assertRaises(
            exception.PciDetachFailed, self.domains.release, 'one', FIRST
        )
        self.domains.stop('one')
        self.domains.start('one')
        self.assertFalse(self.domains.is_paused('one'))
        # The new guest was not asked to release it.
        self.domains.unpause('one')
        self.assertEqual({FIRST}, self.domains.devices('one'))
        self.assertEqual([], self.released)

    def test_needs_a_guest_that_runs(self) -> None:
        self.domains.stop('one')
        for change in self.domains.pause, self.domains.unpause:
            self.assertRaises(nova_exception.InstanceNotRunning, change, 'one')
        self.assertFalse(self.domains.is_paused('one'))


class TransferTestCase(DomainsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.destination = self.load('there')
        self.run_domain('one', FIRST)

    def transfer(self, **renamed: str) -> None:
        domain_transfer.transfer(
            'one',
            self.domains,
            self.destination,
            {FIRST: renamed['to']},
            threading.Event(),
        )

    def assertNotTransferred(self, reason: str, to: str) -> None:
        error = self.assertRaises(
            domain_transfer.TransferFailedError, self.transfer, to=to
        )
        self.assertIn(reason, str(error))
        self.assertEqual({FIRST}, self.domains.devices('one'))
        self.assertIsNone(self.destination.definition('one'))

    def test_moves_guest_and_definition(self) -> None:
        self.domains.pause('one')
        self.transfer(to=SECOND)
        self.assertEqual(frozenset(), self.domains.uuids())
        self.assertEqual({SECOND}, self.destination.devices('one'))
        self.assertEqual({SECOND}, self.destination.definition('one'))
        self.assertTrue(self.destination.is_paused('one'))

    def test_to_a_device_that_another_guest_has(self) -> None:
        self.destination.define('two', [SECOND])
        self.destination.start('two')
        self.assertNotTransferred('in use by domain two', SECOND)

    def test_to_a_device_that_the_destination_does_not_have(self) -> None:
        self.assertNotTransferred('does not have', GONE)

    def test_to_a_device_of_another_model(self) -> None:
        self.assertNotTransferred('of another model', OTHER)
