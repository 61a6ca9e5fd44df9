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

"""The definition of a simulated domain in the life of its server."""

from nova import objects
from nova.compute import power_state

from pci_ext import exception
from pci_ext import server_state
from pci_ext.tests.component.compute import base


class DefinitionTestCase(base.HostTestCase):
    """A server whose guest does not release one of its two devices."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.create_server(2)
        self.kept, self.other = self.devices(self.server)
        self.inject_faults(release_delay={self.kept: 'never'}, timeout=0)
        instance = self.instance(self.server)
        self.assertRaises(
            exception.PciDetachFailed,
            self.compute.driver.detach_pci,
            self.context,
            instance,
            [
                each
                for each in instance.pci_devices
                if each.address == self.kept
            ],
        )

    def assertGuestHas(self, *addresses: str) -> None:
        self.assertEqual(
            set(addresses),
            self.compute.driver.attached_pci(self.instance(self.server)),
        )

    def assertRebootKeeps(self, *addresses: str) -> None:
        self.assertEqual(
            set(addresses),
            self.compute.driver.persistent_pci(self.instance(self.server)),
        )

    def reboot(self, reboot_type: str) -> None:
        self.compute.driver.reboot(
            self.context, self.instance(self.server), [], reboot_type
        )

    def test_failed_detach_leaves_the_device_to_the_guest_only(self) -> None:
        self.assertGuestHas(self.kept, self.other)
        self.assertRebootKeeps(self.other)

    def test_attach_adds_it_to_the_definition_again(self) -> None:
        instance = self.instance(self.server)
        self.compute.driver.attach_pci(
            self.context, instance, instance.pci_devices
        )
        self.assertRebootKeeps(self.kept, self.other)

    def test_soft_reboot_starts_the_guest_by_its_definition(self) -> None:
        self.reboot('SOFT')
        self.assertGuestHas(self.other)

    def test_hard_reboot_defines_it_anew(self) -> None:
        # After a restart of nova-compute, Nova's driver has the guest, too.
        self.start()
        self.reboot('HARD')
        self.assertGuestHas(self.kept, self.other)
        self.assertRebootKeeps(self.kept, self.other)

    def test_rebuild_defines_it_anew(self) -> None:
        driver, instance = self.compute.driver, self.instance(self.server)
        driver.destroy(self.context, instance, [])
        self.assertIsNone(driver._domains.definition(self.server))
        driver.spawn(self.context, instance, None, [], None, {})
        self.assertRebootKeeps(self.kept, self.other)

    def test_soft_reboot_without_a_guest_is_a_hard_reboot(self) -> None:
        self.start()
        self.compute.driver._domains.stop(self.server)
        self.reboot('SOFT')
        self.assertRebootKeeps(self.kept, self.other)

    def test_soft_reboot_frees_a_device_with_a_pending_detach(self) -> None:
        self.mark_pending(self.server, self.kept)
        self.reboot('SOFT')
        self.manager.heal(self.server)
        self.assertEqual([self.other], self.devices(self.server))
        self.assertConsistent(self.server)

    def test_hard_reboot_frees_a_device_with_a_pending_detach(self) -> None:
        self.start()
        self.mark_pending(self.server, self.kept)
        self.reboot('HARD')
        self.assertRebootKeeps(self.other)
        self.manager.heal(self.server)
        self.assertEqual([self.other], self.devices(self.server))
        self.assertEqual(set(), self.pending(self.server))
        self.assertConsistent(self.server)


class StartTestCase(base.HostTestCase):
    def test_hard_reboot_with_a_device_of_another_guest(self) -> None:
        server, other = self.create_server(), self.create_server()
        [address] = self.devices(server)
        self.start()
        driver, instance = self.compute.driver, self.instance(server)
        driver._domains.stop(server)
        driver._domains.attach(other, address)
        error = self.assertRaises(
            exception.PciAttachFailed,
            driver.reboot,
            self.context,
            instance,
            [],
            'HARD',
        )
        self.assertIn(f'in use by domain {other}', str(error))
        # As with libvirt, where the domain was undefined before.
        self.assertIsNone(driver._domains.definition(server))

    def test_attach_to_a_stopped_server_changes_its_definition(self) -> None:
        server = self.create_server()
        [address] = self.devices(server)
        driver, instance = self.compute.driver, self.instance(server)
        driver._domains.stop(server)
        driver._domains.detach(server, address)
        driver.attach_pci(self.context, instance, instance.pci_devices)
        self.assertIsNone(driver.attached_pci(instance))
        self.assertEqual({address}, driver._domains.definition(server))

    def test_start_without_the_devices_of_a_pending_detach(self) -> None:
        # As on the new host of a server that was resized.
        server = self.create_server(devices=0)
        instance = self.instance(server)
        server_state.mark_pending_detach(
            instance,
            objects.PciDeviceList.get_by_compute_node(
                self.context, self.node.id
            )[:1],
            'req-1',
        )
        self.compute.driver._start_domain(instance)
        self.assertIn(server, self.manager._unhealthy)
        self.manager.heal(server)
        self.assertEqual(set(), self.pending(server))


class PowerStateTestCase(base.HostTestCase):
    def test_pause_outlives_a_restart_of_nova_compute(self) -> None:
        server = self.create_server()
        self.compute.driver.pause(self.instance(server))
        for _restart in range(2):
            self.start()
            self.assertEqual(power_state.PAUSED, self.power_state(server))
        self.compute.driver.unpause(self.instance(server))
        self.assertEqual(power_state.RUNNING, self.power_state(server))

    def test_suspended_guest_does_not_run(self) -> None:
        server = self.create_server()
        self.start()
        self.compute.driver.suspend(self.context, self.instance(server))
        self.assertEqual(power_state.SHUTDOWN, self.power_state(server))

    def power_state(self, server: str) -> int:
        info = self.compute.driver.get_info(self.instance(server))
        return int(info.state)
