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

"""Servers with real devices, from the command to the kernel."""

from pci_ext.tests.functional import shell
from pci_ext.tests.hwlab import cloud


class ServersTest(cloud.TestCase):
    """Servers of nova-compute with libvirt."""

    def test_creates_attaches_detaches_and_deletes(self) -> None:
        server = self.boot('1:nic')
        self.assertDevices(server, self.nic)
        self.add_pci(server, '1:vf')
        [vf] = set(self.allocations(server)) - {self.nic}
        self.assertEqual(self.vfs['lab'], vf)
        self.assertDevices(server, self.nic, vf)
        self.remove_pci(server, self.nic)
        self.assertDevices(server, vf)
        self.assertReleased(self.nic, 'e1000e')
        self.delete_server(server)
        self.assertReleased(vf, None)

    def test_reboot_and_restart_preserve_the_devices(self) -> None:
        server = self.boot('1:nic')
        self.add_pci(server, '1:vf')
        devices = self.allocations(server)
        for command in (
            ['server', 'reboot', '--hard', '--wait', server],
            ['server', 'stop', server],
            ['server', 'start', server],
        ):
            self.shell.run(*command)
            if command[1] == 'stop':
                self.wait_for(server, 'SHUTOFF', 'ACTIVE')
        self.wait_for(server, 'ACTIVE', 'SHUTOFF')
        self.assertDevices(server, *devices)

    def test_frees_a_device_released_late(self) -> None:
        server = self.boot('1:nic')
        self.shell.run('server', 'pause', server)
        self.wait_for(server, 'PAUSED', 'ACTIVE')
        error = self.assertRaises(
            shell.CommandFailed, self.remove_pci, server, self.nic
        )
        self.assertIn(self.nic, str(error))
        # The detach is pending.
        self.assertDevices(server, self.nic)
        self.shell.run('server', 'unpause', server)
        self.wait_for(server, 'ACTIVE', 'PAUSED')
        self.wait_until(lambda: not self.allocations(server))
        self.assertDevices(server)
        self.assertReleased(self.nic, 'e1000e')

    def test_refuses_to_attach_with_a_shared_iommu_group(self) -> None:
        server = self.boot('1:nic')
        error = self.assertRaises(
            shell.CommandFailed, self.add_pci, server, '1:sibling'
        )
        self.assertIn('shares IOMMU group', str(error))
        self.assertDevices(server, self.nic)
        self.assertReleased(self.sibling, 'e1000e')

    def test_boot_fails_with_a_shared_iommu_group(self) -> None:
        server = self.create_server(self.create_flavor('1:sibling'))
        self.wait_for(server, 'ERROR')
        # The fault of Nova says only that all hosts are exhausted.
        self.assertIn(f'{self.sibling} was not attached', self.whole_log())
        self.assertReleased(self.sibling, 'e1000e')
