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

"""Devices of a server in operations on the same host."""

from typing import Any

from pci_ext.tests import tags
from pci_ext.tests.functional import lifecycle


@tags.tag(tags.NOVA33_SHORT)
class TestLifecycle(lifecycle.LifecycleTestCase):
    """One host."""

    DOMAINS = {'host-1': '0001'}
    HOSTS = {'host-1': lifecycle.host('0001')}

    def setUp(self) -> None:
        super().setUp()
        self.server = self.boot_and_attach()

    def act_and_check(
        self, action: str, argument: Any, status: str, runs: bool = True
    ) -> None:
        before = self.devices(self.server)
        self.act_and_wait(self.server, action, argument, status)
        self.assertEqual(before, self.devices(self.server))
        self.assertNoOtherDevicesInUse(self.server)
        self.assertEqual(
            sorted(before) if runs else None, self.domain(self.server)
        )

    def test_stop_and_start(self) -> None:
        self.act_and_check('os-stop', None, 'SHUTOFF', runs=False)
        self.act_and_check('os-start', None, 'ACTIVE')

    def test_reboot(self) -> None:
        for kind in ('SOFT', 'HARD'):
            response = self.act(self.server, 'reboot', {'type': kind})
            self.assertEqual(
                'Success', self.action_result(self.server, response)
            )
            self.assertHasDevices(self.server, 'host-1')

    def test_pause_and_unpause(self) -> None:
        self.act_and_check('pause', None, 'PAUSED')
        self.act_and_check('unpause', None, 'ACTIVE')

    def test_suspend_and_resume(self) -> None:
        self.act_and_check('suspend', None, 'SUSPENDED', runs=False)
        self.act_and_check('resume', None, 'ACTIVE')

    def test_rescue_and_unrescue(self) -> None:
        self.act_and_wait(self.server, 'rescue', {}, 'RESCUE')
        self.assertHasDevices(self.server, 'host-1')
        self.act_and_check('unrescue', None, 'ACTIVE')

    def test_rebuild(self) -> None:
        [image] = self.openstack('image', 'list')
        self.act_and_wait(
            self.server,
            'rebuild',
            {'imageRef': image['ID']},
            'REBUILD',
            'ACTIVE',
        )
        self.assertHasDevices(self.server, 'host-1')
        self.assertNoOtherDevicesInUse(self.server)

    def test_restart_of_nova_compute(self) -> None:
        self.cloud.kill_and_start()
        self.assertHasDevices(self.server, 'host-1')
        self.assertNoOtherDevicesInUse(self.server)

    def test_delete(self) -> None:
        self.delete_server(self.server)
        self.assertNoOtherDevicesInUse()
        self.assertNotIn(self.server, self.domains())

    def test_detach_while_paused(self) -> None:
        self.inject_faults(timeout=0.2)
        self.act_and_wait(self.server, 'pause', None, 'PAUSED')
        crypto = lifecycle.CRYPTO.format('0001')
        # A paused guest cannot release a device; it does after unpause.
        self.assertEqual('Error', self.detach(self.server, crypto))
        self.assertHasDevices(self.server, 'host-1')
        self.act_and_wait(self.server, 'unpause', None, 'ACTIVE')
        self.wait_until(lambda: crypto not in self.devices(self.server))
        self.assertEqual(2, len(self.domain(self.server) or ()))
        self.assertNoOtherDevicesInUse(self.server)

    def test_suspend_refused_by_the_guest(self) -> None:
        self.inject_faults(
            release_delay={lifecycle.CRYPTO.format('0001'): 'never'},
            timeout=0.2,
        )
        response = self.act(self.server, 'suspend', None)
        self.assertEqual('Error', self.action_result(self.server, response))
        self.assertHasDevices(self.server, 'host-1')
        self.inject_faults()
        self.act_and_check('suspend', None, 'SUSPENDED', runs=False)
