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


class PciFlavorWeigherTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(fixtures.Activation()).conf

    def order(self, server, *candidates) -> list[str]:
        """Return the names of the hosts in the order of the scheduler."""
        weighed = nova_weights.HostWeightHandler().get_weighed_objects(
            [weigher() for weigher in weights.all_weighers()],
            list(candidates),
            server,
        )
        return [item.obj.host for item in weighed]

    def test_prefers_earlier_alternatives(self) -> None:
        self.assertEqual(
            ['first', 'first and second', 'second'],
            self.order(
                hosts.server(devices.request(1, A, B)),
                hosts.host('second', B),
                hosts.host('first and second', A, B),
                hosts.host('first', A),
            ),
        )

    def test_prefers_the_host_with_the_fewest_devices_left(self) -> None:
        self.assertEqual(
            ['1', '7', '8'],
            self.order(
                hosts.server(devices.request(1, A)),
                hosts.host('8', A | {'count': 8}),
                hosts.host('1', A | {'count': 1}),
                hosts.host('7', A | {'count': 7}),
            ),
        )

    def test_an_earlier_alternative_outweighs_devices_left(self) -> None:
        self.assertEqual(
            ['first', 'second'],
            self.order(
                hosts.server(devices.request(1, A, B)),
                hosts.host('second', B),
                hosts.host('first', A | {'count': 5000}),
            ),
        )

    def weigh(self, server, *candidates) -> list[float]:
        weigher = weights.all_weighers()[0]()
        return weigher.weigh_objects(
            [nova_weights.WeighedHost(host, 0.0) for host in candidates],
            server,
        )

    def test_a_host_that_fits_badly_changes_nothing_for_the_others(self):
        server = hosts.server(devices.request(1, A, B))
        tight, loose = (
            hosts.host(str(count), A | {'count': count}) for count in (40, 100)
        )
        for bad in ([], [hosts.host('bad', B | {'count': 8})]):
            found = self.weigh(server, loose, tight, *bad)
            self.assertEqual([-1.0, 0.0], found[:2])
        self.assertEqual(-2.0, found[2])

    def test_a_host_that_does_not_fit_is_last(self) -> None:
        server = hosts.server(devices.request(2, A, B))
        self.assertEqual(
            [-1.0, 0.0],
            self.weigh(
                server, hosts.host('none', A), hosts.host('worst', B, B)
            ),
        )

    def test_servers_without_pci_flavors_are_not_weighed(self) -> None:
        host = hosts.host('host', A)
        for server in (
            hosts.server(),
            hosts.server(devices.alias(1, product_id='000a')),
        ):
            self.assertEqual([0.0], self.weigh(server, host))

    def test_uses_the_configured_multiplier(self) -> None:
        self.conf.config(group='pci_ext', pci_flavor_weight_multiplier=0.0)
        weigher = weights.all_weighers()[0]()
        self.assertEqual(0.0, weigher.weight_multiplier(hosts.host('host', A)))
