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

"""A rolling upgrade under servers with devices."""

import os
import unittest

from pci_ext.tests.deployment import base
from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.deployment.cloud import releases
from pci_ext.tests.deployment.cloud import services
from pci_ext.tests.deployment.cloud import state_directory
from pci_ext.tests.functional import lifecycle


class TestRollingUpgrade(lifecycle.LifecycleTestCase):
    """Two hosts, which are upgraded one after the other."""

    POLL = 0.5

    deployed: bringup.Cloud
    state: state_directory.State
    upgraded: frozenset[str] = frozenset()

    @classmethod
    def setUpClass(cls) -> None:
        if not os.environ.get(base.ENVIRONMENT):
            raise unittest.SkipTest('tests a deployment')
        cls.deployed = base.deployed()
        cls.state = cls.deployed.state
        releases.build_next(cls.state)
        super().setUpClass()

    def run_next(self, *names: str) -> None:
        """Let only these services run the next release."""
        changed = self.upgraded ^ set(names)
        # A report of an old process must not count as one of the new.
        self.deployed.stop(*changed)
        releases.set_upgraded(self.state, names)
        started = self.deployed.start(
            *services.NOVA, *map(computes.service, self.HOSTS)
        )
        self.assertEqual(changed, set(started))
        self.upgraded = frozenset(names)

    def test_servers_live_through_it(self) -> None:
        self.addCleanup(self.run_next)
        servers = [self.boot_and_attach() for _ in self.HOSTS]
        moving = self.boot('1:one')
        self.assertOperationsWork(moving, *servers)
        upgraded: tuple[str, ...] = ()
        for names in (
            services.NOVA,
            *((computes.service(host),) for host in self.HOSTS),
        ):
            upgraded += names
            self.run_next(*upgraded)
            self.assertOperationsWork(moving, *servers)
        # The way back.
        self.run_next()
        self.assertOperationsWork(moving, *servers)

    def assertOperationsWork(self, moving: str, *servers: str) -> None:
        """Check the servers, and operations on them, by which none changes.

        :param moving: a server that can be on either host
        """
        for server in servers:
            self.assertHasDevices(server, self.host_of(server))
        # To the other host and back, so that each is source and target.
        for _ in self.HOSTS:
            before = self.host_of(moving)
            self.migrate(moving)
            self.act_and_wait(moving, 'confirmResize', None, 'ACTIVE')
            self.assertEqual(self.other_host(before), self.host_of(moving))
        [device] = self.devices(moving)
        self.assertEqual('Success', self.detach(moving, device))
        self.assertEqual('Success', self.attach(moving, '1:one'))
        # The one device that is left.
        new = self.boot('1:one')
        self.delete_and_free(new)
        for server in servers:
            self.act_and_wait(server, 'os-stop', None, 'SHUTOFF')
            self.act_and_wait(server, 'os-start', None, 'ACTIVE')
        self.assertNoOtherDevicesInUse(moving, *servers)
