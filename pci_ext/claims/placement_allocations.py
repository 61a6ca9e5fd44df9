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

"""Compare the allocations of PCI resource providers with the tracker.

Pure: it knows the form of Placement's allocations, and calls nothing.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

#: Number of devices by the uuid of their resource provider and of the server.
Held = Mapping[str, Mapping[str, int]]

#: Allocations by the uuid of the consumer, as Nova's report client reads them.
Allocations = Mapping[str, dict[str, Any]]

#: Resources by consumer, in the form that Nova's report client takes.
Changes = dict[str, dict[str, dict[str, dict[str, int]]]]


def compare(
    held: Held,
    resource_classes: Mapping[str, str | None],
    allocations: Allocations,
    servers: Mapping[str, str],
) -> tuple[Changes, Changes]:
    """Find the allocations to remove, and those to add.

    While a server moves, Nova has the allocations of its old host under the
    uuid of the migration. The devices of the server count for these first.

    :param held: the devices that servers have, by the records of the tracker
    :param resource_classes: the resource class of the devices of each PCI
        resource provider of the host; None if it has no inventory yet
    :param allocations: allocations of the consumers of the host
    :param servers: the server of each consumer that is a server or a
        migration; allocations of other consumers are not compared
    :returns: allocations without a device, and devices without an allocation;
        a device of a server without any allocation is in neither
    """
    surplus: Changes = {}
    missing: Changes = {}
    for provider, resource_class in resource_classes.items():
        left = dict(held.get(provider, {}))
        for consumer, name, amount in _allocated(
            provider, allocations, servers
        ):
            server = servers[consumer]
            used = min(amount, left.get(server, 0))
            left[server] = left.get(server, 0) - used
            _add(surplus, consumer, provider, name, amount - used)
        for server, amount in left.items():
            if resource_class and _has_allocations(server, allocations):
                _add(missing, server, provider, resource_class, amount)
    return surplus, missing


def list_consumers(
    providers: Mapping[str, Any], allocations: Allocations
) -> list[str]:
    """List the consumers that have allocations of some of the providers."""
    return [
        consumer
        for consumer, each in allocations.items()
        if each['allocations'].keys() & providers.keys()
    ]


def _allocated(
    provider: str, allocations: Allocations, servers: Mapping[str, str]
) -> Iterator[tuple[str, str, int]]:
    """Yield consumers, resource classes and amounts; migrations first."""
    for consumer in sorted(servers, key=lambda each: each == servers[each]):
        of_consumer = allocations.get(consumer, {}).get('allocations', {})
        resources = of_consumer.get(provider, {}).get('resources', {})
        for name, amount in resources.items():
            yield consumer, name, amount


def _has_allocations(server: str, allocations: Allocations) -> bool:
    return bool(allocations.get(server, {}).get('allocations'))


def _add(
    changes: Changes, consumer: str, provider: str, name: str, amount: int
) -> None:
    if amount:
        of_provider = changes.setdefault(consumer, {}).setdefault(
            provider, {'resources': {}}
        )
        of_provider['resources'][name] = amount
