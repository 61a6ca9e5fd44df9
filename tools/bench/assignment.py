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
"""The assignment of many requests to the pools of a host.

Most cases are random, the others made to be hard: the requests compete for the
same pools, so that a request moves others to other pools, and these others.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import random
import statistics

from pci_ext import exception
from pci_ext.matching import assignment
from tools.bench import rows

#: Random cases, and the milliseconds that 99 of 100 cases may take.
CASES = {False: 1_000, True: 10_000}
TARGET = 5

REQUESTS = 32
POOLS = 64

#: Alternatives that a request has at most.
_ALTERNATIVES = 32

_CARDS = (10, 14)
_ROUNDS = 3

#: A cost for each request and pool; None if they do not match.
_Cost = Callable[[int, int], int | None]

_HARD: tuple[_Cost, ...] = (
    # All requests prefer the same pools.
    lambda request, pool: pool // 2,
    # The less a request minds the pool, the earlier it is served.
    lambda request, pool: request * pool // POOLS,
    lambda request, pool: (REQUESTS - 1 - request) * pool // POOLS,
    # Each request moves the one before to the next pools.
    lambda request, pool: (
        pool // 2 - request // 2 if pool // 2 >= request // 2 else None
    ),
    lambda request, pool: (
        abs(pool // 2 - request) if abs(pool // 2 - request) <= 1 else None
    ),
    # A device is missing, which the last request shows.
    lambda request, pool: pool // 2 if pool else None,
)


def measure(large: bool) -> Iterator[rows.Row]:
    random.seed(CASES[large])
    cases = [_random_case() for _ in range(CASES[large])]
    for cost in _HARD:
        for count in 1, 2:
            for forwards in True, False:
                requests = _requests(cost, [count] * REQUESTS)
                cases.append(requests if forwards else requests[::-1])
    times = sorted(_milliseconds([1] * POOLS, case) for case in cases)
    name = f'assignment of {REQUESTS} requests, {POOLS} pools'
    for part, figure, target in (
        ('median', statistics.median(times), None),
        ('99th percentile', statistics.quantiles(times, n=100)[-1], TARGET),
        ('longest', times[-1], None),
    ):
        yield rows.Row(f'{name}, {part}', 'ms', figure, target=target)
    for cards in _CARDS:
        yield _measure_cards(cards)


def _requests(cost: _Cost, counts: Sequence[int]) -> list[assignment.Request]:
    return [
        assignment.Request(
            count, tuple(cost(request, pool) for pool in range(POOLS))
        )
        for request, count in enumerate(counts)
    ]


def _random_case() -> list[assignment.Request]:
    density = random.choice((0.1, 0.3, 1))
    alternatives = random.choice((1, 4, _ALTERNATIVES))
    most = random.choice((1, 2, 3))
    return _requests(
        lambda request, pool: (
            random.randrange(alternatives)
            if random.random() < density
            else None
        ),
        [random.randint(1, most) for _ in range(REQUESTS)],
    )


def _milliseconds(
    capacities: Sequence[int],
    requests: Sequence[assignment.Request],
    conflicts: Sequence[tuple[int, int]] = (),
) -> float:
    def run() -> None:
        try:
            assignment.assign(capacities, requests, conflicts)
        except exception.AssignmentGivenUp:
            # Its time counts too.
            pass

    return 1e3 * min(rows.seconds(run, collect=False) for _ in range(_ROUNDS))


def _measure_cards(cards: int) -> rows.Row:
    """Request one card more than there are, some whole and some in part.

    The requests name each card, so that no two choices are equivalent.
    """
    preference = tuple(range(cards))
    unmatched = (None,) * cards
    whole = cards // 2
    requests = [
        assignment.Request(whole, preference + unmatched),
        assignment.Request(cards + 1 - whole, unmatched + preference),
    ]
    conflicts = [(card, cards + card) for card in range(cards)]
    return rows.Row(
        f'search for {cards + 1} of {cards} cards, whole or in part',
        'ms',
        _milliseconds([1] * 2 * cards, requests, conflicts),
    )
