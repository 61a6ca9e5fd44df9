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

"""When servers are healed again."""

from unittest import mock

from oslotest import base

from pci_ext.compute.recovery import unhealthy_servers


class TestUnhealthyServers(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.servers = unhealthy_servers.UnhealthyServers()
        self.now = 1000.0
        patch = mock.patch.object(
            unhealthy_servers.time, 'monotonic', lambda: self.now
        )
        patch.start()
        self.addCleanup(patch.stop)

    def seconds_until_due(self) -> int:
        started = self.now
        while not self.servers.due():
            self.now += 1
        return round(self.now - started)

    def test_delays_grow_up_to_a_limit(self) -> None:
        delays = []
        for _ in range(8):
            self.servers.add('server')
            delays.append(self.seconds_until_due())
        self.assertEqual([10, 20, 40, 80, 160, 320, 600, 600], delays)

    def test_an_early_look_delays_nothing(self) -> None:
        self.servers.add('server')
        for _ in range(3):
            self.now += 2
            self.servers.add('server')
        self.assertEqual(4, self.seconds_until_due())

    def test_a_change_of_the_guest_ends_a_long_delay(self) -> None:
        for _ in range(8):
            self.servers.add('server')
            self.seconds_until_due()
        self.servers.add('server')
        self.now += 5
        self.servers.add('server')
        self.assertEqual(10, self.seconds_until_due())

    def test_a_healthy_server_is_not_due(self) -> None:
        self.servers.add('server')
        self.servers.discard('server')
        self.now += 1000
        self.assertEqual([], self.servers.due())
