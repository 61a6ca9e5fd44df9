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

import logging
from unittest import mock

import fixtures
from nova import exception as nova_exception
from nova import objects
from nova import weights as nova_weights
from nova.scheduler import host_manager
from oslotest import base

from pci_ext import exception
from pci_ext.matching import exclusion
from pci_ext.matching import explanation
from pci_ext.scheduler import filters
from pci_ext.scheduler.filters import pci_flavor_filter
from pci_ext.scheduler.weights import pci_flavor as weights
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.unit.claims import devices
from pci_ext.tests.unit.scheduler import hosts

A = {'product_id': '000a'}
B = {'product_id': '000b'}


class FilterTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(pci_ext_fixtures.Activation())
        self.filter = pci_flavor_filter.PciFlavorFilter()

    def passing(self, server, *candidates) -> list[str]:
        return [
            host.host for host in self.filter.filter_all(candidates, server)
        ]


class PciFlavorFilterTest(FilterTestCase):
    def test_hosts_with_the_devices_pass(self) -> None:
        self.assertEqual(
            ['one', 'both'],
            self.passing(
                hosts.server(devices.request(1, {'product_id': '000[ab]'})),
                hosts.host('one', A),
                hosts.host('none', {'product_id': '000c'}),
                hosts.host('empty'),
                hosts.host('used', A | {'count': 0}),
                hosts.host('both', A, B),
            ),
        )

    def test_passes_hosts_that_fit_all_requests_at_once(self) -> None:
        either, one = devices.request(1, A, B), devices.request(1, A)
        for server in (hosts.server(either, one), hosts.server(one, either)):
            self.assertEqual(
                ['both'],
                self.passing(
                    server,
                    hosts.host('both', A, B),
                    hosts.host('only one', A),
                    hosts.host('the others', B | {'count': 2}),
                ),
            )

    def test_the_host_of_a_server_that_is_rebuilt_passes(self) -> None:
        # The server itself uses the last device of the host.
        server = hosts.server(devices.request(1, A))
        server.scheduler_hints = {'_nova_check_type': ['rebuild']}
        self.assertEqual(
            ['own'], self.passing(server, hosts.host('own', A | {'count': 0}))
        )

    def test_a_host_without_reported_pools_does_not_pass(self) -> None:
        silent = hosts.host('silent')
        silent.pci_stats = None
        self.assertEqual(
            [], self.passing(hosts.server(devices.request(1, A)), silent)
        )

    def test_a_host_without_pci_ext_does_not_pass(self) -> None:
        """It offers devices by [pci] device_spec, and refuses each claim."""
        other = hosts.host('other', A)
        del other.pci_stats.pools[0]['special_attrs']
        self.assertEqual(
            ['own'],
            self.passing(
                hosts.server(devices.request(1, A)),
                other,
                hosts.host('own', A),
            ),
        )

    def test_filters_requests_by_alias_like_nova(self) -> None:
        self.assertEqual(
            ['has'],
            self.passing(
                hosts.server(devices.alias(1, product_id='000a')),
                hosts.host('has', A),
                hosts.host('has not', B),
            ),
        )

    def test_alias_and_pci_flavor_do_not_share_a_device(self) -> None:
        server = hosts.server(
            devices.request(1, A), devices.alias(1, product_id='000a')
        )
        self.assertEqual(
            ['two'],
            self.passing(
                server,
                hosts.host('one', A),
                hosts.host('two', A | {'count': 2}),
            ),
        )

    def test_server_without_requests(self) -> None:
        self.assertEqual(
            ['any'], self.passing(hosts.server(), hosts.host('any'))
        )

    def test_a_card_is_not_both_pf_and_vfs(self) -> None:
        pf = {'dev_type': 'type-PF', 'address': '0000:01:00.0'}
        vfs = {'dev_type': 'type-VF', 'address': '0000:01:00.0'}
        server = hosts.server(
            devices.request(1, {'dev_type': 'type-PF'}),
            devices.request(1, {'dev_type': 'type-VF'}),
        )
        self.assertEqual(
            ['two cards'],
            self.passing(
                server,
                hosts.host('one card', pf, vfs),
                hosts.host('two cards', pf, vfs | {'address': '0000:02:00.0'}),
            ),
        )

    def test_logs_missing_devices(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.passing(
            hosts.server(devices.request(3, A)),
            hosts.host('one', A),
            hosts.host('two', A | {'count': 2}),
        )
        self.assertIn(
            'flavor0: found 2 of 3 (the most of each on a single host)',
            log.output,
        )

    def test_logs_an_explanation_of_each_host_at_debug_level(self) -> None:
        server = hosts.server(devices.request(2, A, B), devices.request(1, A))
        candidates = (hosts.host('one', A), hosts.host('both', A, B))
        log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.passing(server, *candidates)
        self.assertIn(f'on {candidates[0]}: The host does not', log.output)
        self.assertIn(
            'The host does not fit: it has enough for each request, but not '
            'for all at once. ',
            log.output,
        )

    def test_makes_no_explanation_at_info_level(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.useFixture(
            fixtures.MockPatchObject(
                explanation,
                'explain',
                side_effect=AssertionError,
            )
        )
        self.passing(hosts.server(devices.request(1, B)), hosts.host('a', A))
        self.assertIn('flavor0: found 0 of 1', log.output)

    def test_nova_finds_the_filter(self) -> None:
        self.assertEqual(
            [pci_flavor_filter.PciFlavorFilter], filters.all_filters()
        )


class CardsTest(FilterTestCase):
    """Hosts of cards that are each given away whole or in parts."""

    CARDS = range(12)

    def host(self, name: str, spare: int = 0) -> host_manager.HostState:
        """Make a host; its cards are told apart by their names.

        :param spare: VFs that are on no card
        """
        pools = [
            {
                'address': f'0000:{card:02x}:00.0',
                'dev_type': dev_type,
                'e.name': str(card),
            }
            for card in self.CARDS
            for dev_type in ('type-PF', 'type-VF')
        ]
        rest = {'dev_type': 'type-VF', 'e.name': '0', 'count': spare}
        return hosts.host(name, *pools, rest)

    def server(self) -> objects.RequestSpec:
        """Make a server that needs one card more than a host has."""
        server = hosts.server(
            *(
                devices.request(
                    count,
                    *(
                        {'dev_type': dev_type, 'e.name': str(card)}
                        for card in self.CARDS
                    ),
                )
                for count, dev_type in ((6, 'type-PF'), (7, 'type-VF'))
            )
        )
        server.num_instances = 1
        return server

    def test_tells_the_user_that_the_search_was_given_up(self) -> None:
        error = self.assertRaises(
            nova_exception.NoValidHost,
            self.passing,
            self.server(),
            hosts.host('none'),
            self.host('hard'),
        )
        self.assertIn('search for PCI devices', error.format_message())

    def test_another_host_passes(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        server = self.server()
        hard, easy = self.host('hard'), self.host('easy', 7)
        self.assertEqual(['easy'], self.passing(server, hard, easy))
        self.assertIn('hosts were left out', log.output)
        weigher = weights.PciFlavorWeigher()
        self.assertEqual(
            [-1.0, 0.0],
            weigher.weigh_objects(
                [nova_weights.WeighedObject(each, 0) for each in (hard, easy)],
                server,
            ),
        )
        self.assertFalse(self.filter.host_passes(hard, server))

    def test_nova_frees_the_hosts_of_other_servers(self) -> None:
        server = self.server()
        server.num_instances = 2
        self.assertEqual([], self.passing(server, self.host('hard')))

    def test_equal_hosts_are_searched_once(self) -> None:
        search = mock.Mock(wraps=exclusion.search)
        self.useFixture(fixtures.MockPatchObject(exclusion, 'search', search))
        alike = [self.host(name, 8) for name in ('a', 'b', 'c')]
        self.assertEqual(['a', 'b', 'c'], self.passing(self.server(), *alike))
        self.assertEqual(1, search.call_count)


class InactiveTest(base.BaseTestCase):
    def test_refuses_to_start(self) -> None:
        with pci_ext_fixtures.Activation():
            pass
        error = self.assertRaises(
            exception.NotActivated, pci_flavor_filter.PciFlavorFilter
        )
        self.assertIn('PciFlavorFilter', error.format_message())
