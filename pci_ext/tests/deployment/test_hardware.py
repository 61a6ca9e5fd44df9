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

"""Servers with real devices, on a host of a deployment."""

import os
import shutil
import tempfile
import threading
from typing import Any
from typing import ClassVar
import unittest

from testtools import content

from pci_ext.tests.deployment import base as deployment_base
from pci_ext.tests.deployment import faults
from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import hardware
from pci_ext.tests.deployment.cloud import report
from pci_ext.tests.deployment.cloud import state_directory
from pci_ext.tests.functional import base
from pci_ext.tests.functional import deployed_cloud
from pci_ext.tests.functional import shell
from pci_ext.tests.functional import test_attach
from pci_ext.virt.libvirt import domain_xml

#: Seconds: the machine is emulated.
TIMEOUT = 600

#: Its guests release devices on request.
IMAGE = 'eject'

PCI_FLAVORS = ('nic', 'vf')

#: A request for all devices of the host.
ALL_DEVICES = {test_attach.PCI_FLAVOR: '2:nic;2:vf'}

#: A request for one of the devices of the host.
ANY_DEVICE = {test_attach.PCI_FLAVOR: '1:nic,vf'}

#: Servers on the host during an outage, their attaches and detaches in all,
#: and the seconds of the outage.
SERVERS, OPERATIONS, OUTAGE = 4, 20, 20

#: The devices bound to vfio, in the machine.
_BOUND = '/sys/bus/pci/drivers/vfio-pci/*:*'


class TestHardware(base.TestCase):
    """A nova-compute in the machine of the hardware lab.

    All tests share the machine and its PCI flavors ``nic`` and ``vf``.
    """

    IMAGE = IMAGE
    POLL = 1.0

    deployed: ClassVar[bringup.Cloud]
    state: ClassVar[state_directory.State]

    @classmethod
    def setUpClass(cls) -> None:
        # The parent would start simulated hosts.
        super(base.TestCase, cls).setUpClass()
        cls.deployed = deployment_base.deployed()
        cls.state = cls.deployed.state
        if not hardware.is_built():
            raise unittest.SkipTest(
                'the hardware lab is not built: '
                'run pci_ext/tests/hwlab/machine/build.sh'
            )
        # A patch of mock would be undone after the first test.
        cls.addClassCleanup(
            setattr, base, 'SERVER_TIMEOUT', base.SERVER_TIMEOUT
        )
        base.SERVER_TIMEOUT = TIMEOUT
        directory = tempfile.mkdtemp(prefix='pci-ext-hardware-')
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.cloud = deployed_cloud.Deployment(
            cls.state.directory, directory, {}, ''
        )
        cls.shell = shell.Shell(cls.cloud.clouds_yaml)
        cls.addClassCleanup(cls._remove)
        cls.deployed.start(computes.service(hardware.HOST))
        cls.deployed.wait_until_mapped([hardware.HOST])
        cls._create_flavors_and_image()

    @classmethod
    def _remove(cls) -> None:
        cls.cloud.stop()
        cls.deployed.stop(computes.service(hardware.HOST))
        hardware.remove(cls.state)

    @classmethod
    def _create_flavors_and_image(cls) -> None:
        """Create the PCI flavors and the image."""
        for name in PCI_FLAVORS:
            cls.shell.run(
                *('pci', 'flavor', 'create', '--property', f'e.kind={name}'),
                name,
            )
        file = os.path.join(hardware.folder(cls.state), 'eject.img')
        cls.shell.run(
            *('image', 'create', '--file', file, '--disk-format', 'raw'),
            *('--container-format', 'bare', IMAGE),
        )
        cls.addClassCleanup(cls.shell.run, 'image', 'delete', IMAGE)

    def setUp(self) -> None:
        super().setUp()
        self.addOnException(self._add_log)

    def _add_log(self, exc_info: object) -> None:
        path = os.path.join(hardware.folder(self.state), 'nova-compute.log')
        with open(path, errors='replace') as stream:
            text = stream.read()[-20000:]
        self.addDetail('nova-compute', content.text_content(text))

    def run_in_machine(self, command: str) -> str:
        """Run a command in the machine, and return its output."""
        return hardware.run(self.state, command)

    def driver(self, address: str) -> str | None:
        """Return the driver of a device, None without one."""
        link = f'/sys/bus/pci/devices/{address}/driver'
        found = self.run_in_machine(f'[ ! -e {link} ] || readlink {link}')
        return os.path.basename(found) or None

    def running(self, server: str) -> set[str]:
        """Return the addresses of the devices of a guest."""
        xml = self.run_in_machine(f'virsh dumpxml {server}')
        return set(domain_xml.hostdev_addresses(xml))

    def devices(self, pci_flavor: str) -> list[str]:
        """Return the addresses of the devices offered for a PCI flavor."""
        rows = self.openstack('pci', 'device', 'list', '--host', hardware.HOST)
        return [
            row['Address'] for row in rows if pci_flavor in row['PCI Flavors']
        ]

    def assertDevices(self, server: str, *addresses: str) -> None:
        """Check the database, the API, the guest and the kernel."""
        self.assertAllocated(server, *addresses)
        self.assertEqual(set(addresses), self.running(server))
        for address in addresses:
            self.assertEqual('vfio-pci', self.driver(address))

    def assertReleased(self, *addresses: str) -> None:
        """Check that devices are free, and bound to the host's drivers."""
        nics = self.devices('nic')
        for address in addresses:
            self.assertNotIn(address, self.allocations())
            expected = 'e1000e' if address in nics else None
            # libvirt sends no event after it has bound the driver.
            self.wait_until(
                lambda address=address, expected=expected: (
                    self.driver(address) == expected
                )
            )

    def attach_all(self, server: str) -> Any:
        """Start to attach all devices, and return the response."""
        response = self.request(
            'POST', f'/servers/{server}/action', {'attach_pci': ALL_DEVICES}
        )
        self.assertEqual(202, response.status, response.data)
        return response

    def test_creates_attaches_detaches_and_deletes(self) -> None:
        server = self.boot('1:nic')
        [nic] = self.allocations(server)
        self.assertIn(nic, self.devices('nic'))
        self.assertDevices(server, nic)
        self.add_pci(server, '1:vf')
        [vf] = {*self.allocations(server)} - {nic}
        self.assertIn(vf, self.devices('vf'))
        self.assertDevices(server, nic, vf)
        self.remove_pci(server, nic)
        self.assertDevices(server, vf)
        self.assertReleased(nic)
        self.shell.run('server', 'delete', '--wait', server)
        self.wait_until(lambda: not self.allocations(server))
        self.assertReleased(vf)

    def test_undoes_an_attach_killed_after_the_claim(self) -> None:
        self._kill_in_an_attach(1)

    def test_undoes_an_attach_killed_before_the_save(self) -> None:
        self._kill_in_an_attach(3)

    def _kill_in_an_attach(self, number: int) -> None:
        """Kill nova-compute during an attach, and check that it is undone.

        libvirt binds each device to vfio before it attaches the device to the
        guest: all devices before the last one are attached.

        :param number: the number of devices bound to vfio at the kill
        """
        [server] = self.boot_without_devices(1, '--host', hardware.HOST)
        self.run_in_machine(
            f'(until set -- {_BOUND}; [ -e "$1" ] && [ $# -ge {number} ]; '
            'do sleep 0.01; done; '
            # The machine starts it again.
            "pkill --signal KILL --full 'nova[.]cmd'; touch /tmp/killed) "
            '> /dev/null 2>&1 &'
        )
        response = self.attach_all(server)
        self.wait_until(lambda: 'killed' in self.run_in_machine('ls /tmp'))
        self.run_in_machine('rm /tmp/killed')
        addresses = [*self.devices('nic'), *self.devices('vf')]
        self.assertEqual('Error', self.action_result(server, response))
        self.assertDevices(server)
        self.assertReleased(*addresses)
        self.assertEqual(
            'Success', self.action_result(server, self.attach_all(server))
        )
        self.assertDevices(server, *addresses)
        self.delete_and_free(server)
        self.assertReleased(*addresses)
        report.add(
            self.state,
            'nova-compute killed in an attach of four devices on vfio, '
            f'at number {number}',
            'undone; then all were attached',
        )

    def stop_libvirtd(self, seconds: float = 0) -> None:
        """Stop libvirtd, and start it again after some seconds."""
        self.run_in_machine(
            'pkill --exact libvirtd; '
            'while pgrep --exact libvirtd; do sleep 0.2; done; '
            f'sleep {seconds}; libvirtd --daemon --listen'
        )

    def test_guest_survives_a_restart_of_libvirtd(self) -> None:
        server = self.boot('1:vf')
        [vf] = self.allocations(server)
        self.stop_libvirtd()
        # The guest still runs, and nova-compute reconnects to libvirt.
        self.assertDevices(server, vf)
        self.remove_pci(server, vf)
        self.assertDevices(server)
        self.assertReleased(vf)
        report.add(
            self.state,
            'libvirtd restarted under a server with a device on vfio',
            'the guest ran on; the device was detached',
        )

    def test_libvirtd_is_away_during_operations(self) -> None:
        servers = self.boot_without_devices(SERVERS, '--host', hardware.HOST)
        before = self.nova_compute()
        locks = {server: threading.Lock() for server in servers}

        def act(number: int) -> str:
            server = servers[number % len(servers)]
            with locks[server]:
                return self.attach_or_detach(server)

        outcomes = faults.run_with_fault(
            act, OPERATIONS, lambda: self.stop_libvirtd(OUTAGE)
        )
        self.assertIn('Success', outcomes)
        for server in servers:
            self.wait_until(lambda server=server: self.agrees(server))
            self.assertDevices(server, *self.allocations(server))
        self.assertEqual(before, self.nova_compute())
        # All can still be attached and detached.
        for server in servers:
            if not self.allocations(server):
                self.assertEqual('Success', self.attach_or_detach(server))
            self.assertEqual('Success', self.attach_or_detach(server))
            self.assertDevices(server)
        self.assertReleased(*self.devices('nic'), *self.devices('vf'))
        report.add(
            self.state,
            f'libvirtd away for {OUTAGE} s during {OPERATIONS} attaches and '
            'detaches of devices on vfio',
            faults.summarize(outcomes),
        )

    def nova_compute(self) -> str:
        """Return the process id of nova-compute in the machine."""
        return self.run_in_machine("pgrep --full 'nova[.]cmd'")

    def attach_or_detach(self, server: str) -> str:
        """Detach the device of a server, or attach one to it.

        :returns: the result, or the status of a request that was refused
        """
        body: dict[str, Any] = {'attach_pci': ANY_DEVICE}
        if addresses := self.allocations(server):
            body = {'detach_pci': [*map(test_attach.dev_id, addresses)]}
        response = self.request('POST', f'/servers/{server}/action', body)
        if response.status != 202:
            return str(response.status)
        return self.action_result(server, response)

    def agrees(self, server: str) -> bool:
        """Return whether a server has no task, and its guest its devices."""
        return self.show(server)['OS-EXT-STS:task_state'] is None and {
            *self.allocations(server)
        } == self.running(server)
