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

"""The resource providers of pools, where devices are in Placement."""

import collections
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from nova import objects

from pci_ext.matching import assignment


def provider_of(pool: dict[str, Any]) -> str | None:
    """Return the uuid of the resource provider of a pool, if it has one.

    Nova writes it into the pools of a host at its next report.
    """
    provider: str | None = pool.get('rp_uuid')
    if provider is None and pool.get('devices'):
        provider = pool['devices'][0].extra_info.get('rp_uuid')
    return provider


def limit_counts(
    pools: Iterable[dict[str, Any]],
    free: Mapping[str | None, int],
    own: Mapping[str | None, int],
) -> bool:
    """Lower the counts of pools to the devices that Placement has free.

    :param pools: those to keep first of each provider come first
    :param own: the devices that the server has there already, by provider
    :returns: whether any was lowered
    """
    left = {
        provider: max(0, number) + own.get(provider, 0)
        for provider, number in free.items()
    }
    lowered = False
    for pool in pools:
        provider = provider_of(pool)
        if provider in left:
            lowered |= left[provider] < pool['count']
            pool['count'] = min(pool['count'], left[provider])
            left[provider] -= pool['count']
    return lowered


def divide(
    request: 'objects.InstancePCIRequest',
    costs: tuple[int | None, ...],
    pools: list[dict[str, Any]],
    chosen: list[str],
) -> Iterator[assignment.Request]:
    """Divide a request by the resource providers that Placement chose."""
    if not chosen:
        yield assignment.Request(request.count, costs)
    for provider, count in collections.Counter(chosen).items():
        yield assignment.Request(
            count,
            tuple(
                cost if provider_of(pool) == provider else None
                for cost, pool in zip(costs, pools, strict=True)
            ),
        )
