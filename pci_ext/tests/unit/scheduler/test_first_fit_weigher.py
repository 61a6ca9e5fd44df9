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

from __future__ import annotations

from nova.scheduler import weights as nova_weights
from oslotest import base

from pci_ext.scheduler import weights
from pci_ext.tests import fixtures
from pci_ext.tests.unit.claims import devices
from pci_ext.tests.unit.scheduler import hosts

A = {'product_id': '000a'}
B = {'product_id': '000b'}


class FirstFitWeigherTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(fixtures.Activation()).conf

    def order(self, multiplier: float, server, *candidates) -> list[str]:
        self.conf.config(
            group='pci_ext', first_fit_weight_multiplier=multiplier
        )
        weighed = nova_weights.HostWeightHandler().get_weighed_objects(
            [weigher() for weigher in weights.all_weighers()],
            list(candidates),
            server,
        )
        return [item.obj.host for item in weighed]

    def test_prefers_the_first_name_among_equal_hosts(self) -> None:
        server = hosts.server(devices.request(1, A, B))
        names = ('host-10', 'host-2', 'host-1')
        equal = [hosts.host(name, A) for name in names]
        self.assertEqual(list(names), self.order(0.0, server, *equal))
        self.assertEqual(
            ['host-1', 'host-2', 'host-10'], self.order(0.001, server, *equal)
        )

    def test_a_better_fit_outweighs_the_name(self) -> None:
        self.assertEqual(
            ['host-2', 'host-1'],
            self.order(
                0.001,
                hosts.server(devices.request(1, A, B)),
                hosts.host('host-1', B),
                hosts.host('host-2', A),
            ),
        )

    def test_a_large_multiplier_orders_hosts_by_name(self) -> None:
        self.assertEqual(
            ['host-1', 'host-2'],
            self.order(
                10000.0,
                hosts.server(devices.request(1, A, B)),
                hosts.host('host-2', A),
                hosts.host('host-1', B),
            ),
        )

    def test_servers_without_requests_are_not_weighed(self) -> None:
        self.assertEqual(
            ['host-2', 'host-1'],
            self.order(
                10000.0,
                hosts.server(),
                hosts.host('host-2', A),
                hosts.host('host-1', A),
            ),
        )
