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

from typing import Any
from urllib import parse

import fixtures
from nova.scheduler import utils
from nova.scheduler.client import report
from oslotest import base

from pci_ext.scheduler import placement_query
from pci_ext.tests import fixtures as pci_ext_fixtures


class PlacementQueryTest(base.BaseTestCase):
    """Nova's method is replaced by a Placement with a host an aggregate.

    The name of a host is that of its aggregate.
    """

    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(pci_ext_fixtures.Activation()).conf
        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.scheduler.placement_query._get', self.answer
            )
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'pci_ext.scheduler.placement_query.QUERY_SIZE', 3
            )
        )
        self.queries: list[dict[str, list[str]]] = []
        self.hosts = ['other', *'abcdefgh']
        self.failing = 0
        self.in_no_aggregate: set[str] = set()

    def answer(self, client: object, context: object, resources: Any) -> Any:
        query = parse.parse_qs(resources.to_querystring())
        self.queries.append(query)
        if len(self.queries) == self.failing:
            return None, None, None
        found = [
            host
            for host in self.hosts
            if all(
                host in members.removeprefix('in:').split(',')
                and host not in self.in_no_aggregate
                for members in query.get('member_of', ())
            )
        ][: int(query.get('limit', ['100'])[0])]
        return (
            [{'allocations': {host: {}}} for host in found],
            {host: {} for host in found},
            '1.36',
        )

    def ask(
        self,
        aggregates: str = '',
        limit: int | None = 1000,
        required: list[list[str]] | None = None,
        **properties: bool,
    ) -> str | None:
        """Return the hosts of the candidates, in the order of the answer."""
        resources = utils.ResourceRequest()
        group = resources.get_request_group(None)
        group.resources = {'VCPU': 1}
        group.aggregates = required or []
        resources._limit = limit
        before = resources.to_querystring()
        if aggregates:
            placement_query.restrict(
                resources,
                placement_query.Candidates(
                    list(aggregates),
                    **{'has_more': False, 'are_most': False, **properties},
                ),
            )
        found, summaries, _ = report.SchedulerReportClient.__dict__[
            'get_allocation_candidates'
        ](None, None, resources)
        self.assertEqual(before, resources.to_querystring())
        if found is None:
            return None
        hosts = [host for each in found for host in each['allocations']]
        self.assertEqual(set(hosts), set(summaries))
        return ' '.join(hosts)

    def members(self) -> list[str]:
        """Return the aggregates of each query."""
        return [
            ' '.join(
                each.removeprefix('in:') for each in query.get('member_of', ())
            )
            for query in self.queries
        ]

    def test_other_requests_are_nova_s(self) -> None:
        self.assertEqual('other a', self.ask(limit=2))
        self.assertEqual([''], self.members())

    def test_asks_for_a_part_of_the_hosts_at_a_time(self) -> None:
        self.assertEqual('a b c d e f g', self.ask('abcdefg'))
        self.assertEqual(['a,b,c', 'd,e,f', 'g'], self.members())

    def test_asks_until_there_are_enough(self) -> None:
        self.assertEqual('a b c d', self.ask('abcdefgh', limit=4))
        self.assertEqual(['a,b,c', 'd'], self.members())
        self.assertEqual(
            [['4'], ['1']], [query['limit'] for query in self.queries]
        )

    def test_asks_for_the_best_hosts_first(self) -> None:
        self.assertEqual('b c', self.ask('cba', limit=2))
        self.assertEqual(['b,c'], self.members())

    def test_the_aggregates_of_nova_apply(self) -> None:
        self.assertEqual(
            'b d', self.ask('abcde', required=[['b', 'd'], ['d', 'b']])
        )
        self.assertEqual(
            [['a,b,c', 'b,d', 'b,d'], ['b,d', 'b,d', 'd,e']],
            [sorted(each.split()) for each in self.members()],
        )

    def test_asks_for_all_if_none_is_found(self) -> None:
        """As with storage of a provider that hosts share."""
        self.in_no_aggregate = set('ab')
        self.assertEqual('other a b', self.ask('ab', limit=3))
        self.assertEqual(['a,b', ''], self.members())

    def test_asks_for_hosts_without_an_aggregate_too(self) -> None:
        self.assertEqual('c other a b', self.ask('c', limit=3, has_more=True))
        self.queries.clear()
        self.assertEqual('c', self.ask('c', limit=1, has_more=True))
        self.assertEqual(['c'], self.members())

    def test_asks_once_where_one_answer_has_all(self) -> None:
        for limit in (1000, None):
            self.assertEqual(
                'other a b c d e f g h',
                self.ask('abcd', limit, are_most=True),
            )
        self.assertEqual(['', ''], self.members())

    def test_asks_again_where_one_answer_has_no_room_for_all(self) -> None:
        self.assertEqual('g h', self.ask('hg', limit=2, are_most=True))
        self.assertEqual(['', 'g,h'], self.members())

    def test_a_query_that_fails_is_the_answer(self) -> None:
        self.failing = 2
        self.assertIsNone(self.ask('abcd'))

    def test_needs_resources_for_a_condition(self) -> None:
        resources = utils.ResourceRequest()
        self.assertFalse(placement_query.can_restrict(resources))
        self.assertNotIn('resources', resources.to_querystring())
        resources.get_request_group('1').resources = {'VGPU': 1}
        self.assertFalse(placement_query.can_restrict(resources))
        resources.get_request_group(None).resources = {'VCPU': 1}
        self.assertTrue(placement_query.can_restrict(resources))
