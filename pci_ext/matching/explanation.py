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

"""The reason for which a host serves the requests of a server, or does not.

Both the API and the log of the scheduler show it.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.matching import assignment
from pci_ext.matching import compiled_requests
from pci_ext.matching import exclusion
from pci_ext.matching import grouping
from pci_ext.matching import request_grammar


@dataclasses.dataclass(frozen=True)
class Allocation:
    """Devices of one pool for one request.

    :ivar request: index of the request
    :ivar alternative: index among the alternatives of the request
    :ivar pool: index of the pool
    :ivar count: number of devices
    """

    request: int
    alternative: int
    pool: int
    count: int


@dataclasses.dataclass(frozen=True)
class Explanation:
    """The requests that a host can serve.

    :ivar fits: whether it can serve all of them at once
    :ivar taken: an assignment, the one preferred of those that lack the
        fewest devices
    :ivar found: for each request how many devices that assignment has for it
    :ivar matching: for each request how many free devices match it, even if
        other requests match them too
    :ivar given_up: reason why an assignment is not known, if it is not; then
        the host counts as one without room, as in the scheduler
    """

    fits: bool
    taken: tuple[Allocation, ...]
    found: tuple[int, ...]
    matching: tuple[int, ...]
    given_up: str | None = None


def explain(
    requests: compiled_requests.CompiledRequests,
    pools: Sequence[Mapping[str, Any]],
    budget: exclusion.Budget | None = None,
) -> Explanation:
    """Explain the fit of a host, or its shortage.

    Slower than `CompiledRequests.fit`.

    :param pools: dicts of properties with a ``count`` of free devices
    :param budget: bounds the searches on all hosts of a request together
    """
    pool_costs = [requests.pool_costs(pool) for pool in pools]
    # One more pool, of devices that there are not, makes an assignment of
    # any pools. It is so dear that none of it is taken without need.
    steps = [len(item.selectors) for item in requests.requests]
    dearest = requests.total * (1 + max(steps, default=0))
    found = None
    given_up = None
    try:
        found = assignment.assign(
            [*(pool['count'] for pool in pools), requests.total],
            [
                assignment.Request(
                    item.count,
                    (*(cost[index] for cost in pool_costs), dearest),
                )
                for index, item in enumerate(requests.requests)
            ],
            grouping.exclusions(pools),
            budget,
        )
    except exception.AssignmentGivenUp as error:
        given_up = error.format_message()
    taken = tuple(
        Allocation(index, alternative, pool, count)
        for index, pool, count in (found.taken if found else ())
        if pool < len(pools)
        and (alternative := pool_costs[pool][index]) is not None
    )
    counts = [0] * len(requests.requests)
    for item in taken:
        counts[item.request] += item.count
    return Explanation(
        sum(counts) == requests.total,
        taken,
        tuple(counts),
        requests.count_matching(pools),
        given_up,
    )


def shortage_text(request: request_grammar.Request, found: int) -> str:
    """Write how many free devices of a request were found."""
    return _('%(names)s: found %(found)d of %(count)d') % {
        'names': ','.join(request.alternatives),
        'found': found,
        'count': request.count,
    }


def _total_text(total: int, free: int) -> str:
    if not total:
        return _(' (none on the host)')
    return _(' (%(total)d on the host, %(free)d free)') % {
        'total': total,
        'free': free,
    }


def to_text(
    explanation: Explanation,
    requests: Sequence[request_grammar.Request],
    pools: Sequence[Mapping[str, Any]],
    totals: Sequence[int] | None = None,
) -> str:
    """Explain in a sentence or two.

    :param requests: with the names of their alternatives
    :param pools: those of the host
    :param totals: for each request how many devices of the host match it,
        free or not; None if that is not known
    """
    if explanation.fits:
        return _('The host fits: %s.') % '; '.join(
            _('%(count)d of %(name)s from the pool %(pool)s')
            % {
                'count': taken.count,
                'name': requests[taken.request].alternatives[
                    taken.alternative
                ],
                'pool': describe(pools[taken.pool]),
            }
            for taken in explanation.taken
        )
    if explanation.given_up:
        return (
            _('It is not known whether the host fits. %s')
            % explanation.given_up
        )
    short = '; '.join(
        shortage_text(request, found)
        + (_total_text(totals[index], matching) if totals else '')
        for index, (request, found, matching) in enumerate(
            zip(requests, explanation.found, explanation.matching, strict=True)
        )
        if found < request.count
    )
    if all(
        matching >= request.count
        for request, matching in zip(
            requests, explanation.matching, strict=True
        )
    ):
        return (
            _(
                'The host does not fit: it has enough for each request, but '
                'not for all at once. %s.'
            )
            % short
        )
    return _('The host does not fit. %s.') % short


def describe(pool: Mapping[str, Any]) -> str:
    """Name a pool by its properties."""
    return ', '.join(
        f'{key}={value}'
        for key, value in sorted(grouping.properties_of(pool).items())
    )
