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


from typing import Any

from hypothesis import given
from hypothesis import strategies
from oslotest import base

from pci_ext.claims import placement_allocations

GPU = 'CUSTOM_PCI_8086_0001'
HOST = {'resources': {'VCPU': 1}}


def gpus(**amounts: int) -> dict[str, Any]:
    """Make allocations of a consumer: a host, and devices by provider."""
    return {
        'allocations': {
            'host': HOST,
            **{
                provider: {'resources': {GPU: amount}}
                for provider, amount in amounts.items()
            },
        }
    }


def change(**amounts: int) -> dict[str, Any]:
    return {
        provider: {'resources': {GPU: amount}}
        for provider, amount in amounts.items()
    }


class CompareTest(base.BaseTestCase):
    def assertChanges(
        self,
        held: dict[str, dict[str, int]],
        allocations: dict[str, Any],
        surplus: dict[str, Any],
        missing: dict[str, Any],
        **servers: str,
    ) -> None:
        found = placement_allocations.compare(
            held,
            {'one': GPU, 'two': GPU},
            allocations,
            {'a': 'a', 'b': 'b', **servers},
        )
        self.assertEqual((surplus, missing), found)

    def test_equal(self) -> None:
        self.assertChanges({'one': {'a': 1}}, {'a': gpus(one=1)}, {}, {})

    def test_a_new_device(self) -> None:
        self.assertChanges(
            {'one': {'a': 2}, 'two': {'a': 1}},
            {'a': gpus(one=1)},
            {},
            {'a': change(one=1, two=1)},
        )

    def test_a_freed_device(self) -> None:
        self.assertChanges(
            {'two': {'a': 1}},
            {'a': gpus(one=1, two=2)},
            {'a': change(one=1, two=1)},
            {},
        )

    def test_a_device_of_another_server(self) -> None:
        self.assertChanges(
            {'one': {'b': 1}},
            {'a': gpus(one=1), 'b': gpus()},
            {'a': change(one=1)},
            {'b': change(one=1)},
        )

    def test_the_allocation_of_a_migration_counts_for_its_server(self) -> None:
        self.assertChanges(
            {'one': {'a': 1}, 'two': {'a': 1}},
            {'m': gpus(one=1), 'a': gpus()},
            {},
            {'a': change(two=1)},
            m='a',
        )

    def test_the_allocation_of_a_migration_counts_first(self) -> None:
        self.assertChanges(
            {'one': {'a': 1}},
            {'m': gpus(one=1), 'a': gpus(one=1)},
            {'a': change(one=1)},
            {},
            m='a',
        )

    def test_the_allocation_of_an_ended_migration(self) -> None:
        self.assertChanges(
            {}, {'m': gpus(one=1)}, {'m': change(one=1)}, {}, m='a'
        )

    def test_an_unknown_consumer(self) -> None:
        self.assertChanges({}, {'x': gpus(one=1)}, {}, {})

    def test_other_providers_of_a_server(self) -> None:
        self.assertChanges({}, {'a': gpus(other=1)}, {}, {})

    def test_a_server_without_allocations(self) -> None:
        for allocations in ({}, {'a': {'allocations': {}}}):
            self.assertChanges({'one': {'a': 1}}, allocations, {}, {})

    def test_a_provider_without_inventory(self) -> None:
        self.assertEqual(
            ({}, {}),
            placement_allocations.compare(
                {'one': {'a': 1}}, {'one': None}, {'a': gpus()}, {'a': 'a'}
            ),
        )

    def test_lists_the_consumers_of_providers(self) -> None:
        self.assertEqual(
            ['a'],
            placement_allocations.list_consumers(
                {'one': GPU}, {'a': gpus(one=1), 'b': gpus(two=1)}
            ),
        )

    amounts = strategies.dictionaries(
        strategies.sampled_from(['a', 'b', 'm']), strategies.integers(1, 3)
    )

    @given(
        held=strategies.dictionaries(
            strategies.sampled_from(['one', 'two']),
            strategies.dictionaries(
                strategies.sampled_from(['a', 'b']), strategies.integers(1, 3)
            ),
        ),
        one=amounts,
        two=amounts,
    )
    def test_changes_make_the_sums_equal(
        self,
        held: dict[str, dict[str, int]],
        one: dict[str, int],
        two: dict[str, int],
    ) -> None:
        servers = {'a': 'a', 'b': 'b', 'm': 'a'}
        allocations = {
            consumer: gpus(one=one.get(consumer, 0), two=two.get(consumer, 0))
            for consumer in servers
        }
        classes = {'one': GPU, 'two': GPU}
        for sign, changes in zip(
            (-1, 1),
            placement_allocations.compare(held, classes, allocations, servers),
            strict=True,
        ):
            for consumer, of_consumer in changes.items():
                for provider, each in of_consumer.items():
                    self.assertLess(0, each['resources'][GPU])
                    allocations[consumer]['allocations'][provider][
                        'resources'
                    ][GPU] += sign * each['resources'][GPU]
        for provider in classes:
            for server in 'a', 'b':
                self.assertEqual(
                    held.get(provider, {}).get(server, 0),
                    sum(
                        allocations[consumer]['allocations'][provider][
                            'resources'
                        ][GPU]
                        for consumer, owner in servers.items()
                        if owner == server
                    ),
                )
        self.assertEqual(
            ({}, {}),
            placement_allocations.compare(held, classes, allocations, servers),
        )
