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

"""Servers on QEMU, requested with tokens of keystone."""

import time
from typing import Any

from pci_ext.tests import tags
from pci_ext.tests.deployment import base
from pci_ext.tests.deployment.cloud import hypervisors
from pci_ext.tests.deployment.cloud import images
from pci_ext.tests.deployment.cloud import report


@tags.tag(tags.DEPLOY_SHORT)
class TestServers(base.HostsTestCase):
    def wait_for_greeting(self, server: Any) -> None:
        """Wait until the guest has written its greeting."""
        deadline = time.monotonic() + base.TIMEOUT
        compute = self.admin.compute
        greeting = images.GREETING.decode().strip()
        while True:
            output = compute.get_server_console_output(server)['output']
            if greeting in output:
                return
            self.assertLess(time.monotonic(), deadline, output)
            time.sleep(0.5)

    def test_member_boots_a_server(self) -> None:
        server = self.boot(self.connect('pci-ext-member'))
        self.assertEqual([server.compute_host], self.hosts_of(server))
        self.wait_for_greeting(server)
        self.delete(server)
        self.assertEqual([], self.hosts_of(server))

    def test_boots_on_each_host(self) -> None:
        for host in hypervisors.HOSTS:
            server = self.boot(self.admin, host=host)
            self.assertEqual([host], self.hosts_of(server))

    def migrate(self, server: Any) -> Any:
        self.admin.compute.migrate_server(server)
        return self.wait_for(server, 'VERIFY_RESIZE')

    def test_migrates_and_reverts(self) -> None:
        source, target = hypervisors.HOSTS
        server = self.boot(self.admin, host=source)
        server = self.migrate(server)
        self.assertEqual(target, server.compute_host)
        self.assertEqual([target], self.hosts_of(server))
        self.admin.compute.revert_server_resize(server)
        self.wait_for(server, 'ACTIVE')
        self.assertEqual([source], self.hosts_of(server))
        self.migrate(server)
        self.admin.compute.confirm_server_resize(server)
        self.wait_for(server, 'ACTIVE')
        self.assertEqual([target], self.hosts_of(server))

    def test_migrates_live(self) -> None:
        source, target = hypervisors.HOSTS
        server = self.boot(self.admin, host=source)
        self.wait_for_greeting(server)
        self.admin.compute.live_migrate_server(
            server, host=target, block_migration='auto'
        )
        server = self.wait_for(server, 'ACTIVE')
        self.assertEqual(target, server.compute_host)
        self.assertEqual([target], self.hosts_of(server))


@tags.tag(tags.DEPLOY_SHORT)
class TestLibvirtd(base.HostsTestCase):
    def test_guest_survives_a_restart(self) -> None:
        host = hypervisors.HOSTS[0]
        server = self.boot(self.admin, host=host)
        self.deployed.restart(f'{host}.libvirtd')
        # The guest still runs, and nova-compute reconnects to libvirt.
        self.assertEqual([host], self.hosts_of(server))
        self.admin.compute.stop_server(server)
        self.wait_for(server, 'SHUTOFF')
        self.assertEqual([], self.hosts_of(server))
        self.admin.compute.start_server(server)
        self.wait_for(server, 'ACTIVE')
        self.assertEqual([host], self.hosts_of(server))
        report.add(
            self.state,
            'libvirtd restarted under a server',
            'the guest ran on; the server was stopped and started',
        )
