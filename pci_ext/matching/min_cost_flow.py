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

"""Cheapest flow from requests to pools.

Successive shortest augmenting paths (Ahuja, Magnanti, Orlin: Network Flows,
9.7): the requests are served one after another, each along the cheapest path,
which may exchange devices assigned to earlier requests. As each path is
cheapest, so is the flow after every step.
"""

from collections import deque
from collections.abc import Sequence

Costs = Sequence[int | None]

#: (index of request, index of pool, number of devices)
Flow = list[tuple[int, int, int]]

# How a pool is reached: the pool that devices are moved from and the request
# they are moved for, or None where the request to serve takes them itself.
_Hop = tuple[int, int] | None


def cheapest_flow(
    capacities: Sequence[int], counts: Sequence[int], costs: Sequence[Costs]
) -> Flow | None:
    """Take `counts` devices for the requests at the least total cost.

    :param capacities: devices in each pool
    :param counts: devices for each request
    :param costs: for each request the cost of a device from each pool, None
        if they do not match
    :returns: the flow, in order; None if there is none
    """
    free = list(capacities)
    options = [
        [
            (pool, cost)
            for pool, cost in enumerate(row)
            if cost is not None and free[pool] > 0
        ]
        for row in costs
    ]
    # For each pool the devices taken from it, by request.
    flow: list[dict[int, int]] = [{} for _ in free]
    for request, count in enumerate(counts):
        needed = count
        while needed > 0:
            path = _cheapest_path(request, free, flow, options, costs)
            if path is None:
                return None
            needed -= _augment(request, path, needed, free, flow)
    return sorted(
        (request, pool, devices)
        for pool, by_request in enumerate(flow)
        for request, devices in by_request.items()
    )


def _cheapest_path(
    request: int,
    free: Sequence[int],
    flow: Sequence[dict[int, int]],
    options: Sequence[Sequence[tuple[int, int]]],
    costs: Sequence[Costs],
) -> list[tuple[int, _Hop]] | None:
    """Find the cheapest path to a pool with free devices.

    Bellman-Ford with a queue, as moving devices away saves their cost.

    :returns: the pools on the path and how each is reached, last one first
    """
    distance = dict(options[request])
    reached: dict[int, _Hop] = dict.fromkeys(distance)
    queue = deque(distance)
    waiting = set(queue)
    while queue:
        pool = queue.popleft()
        waiting.discard(pool)
        for other in flow[pool]:
            saved = costs[other][pool]
            assert saved is not None
            start = distance[pool] - saved
            for target, cost in options[other]:
                length = start + cost
                if target not in distance or length < distance[target]:
                    distance[target] = length
                    reached[target] = (pool, other)
                    if target not in waiting:
                        waiting.add(target)
                        queue.append(target)
    ends = [
        (length, pool) for pool, length in distance.items() if free[pool] > 0
    ]
    if not ends:
        return None
    pool = min(ends)[1]
    path = [(pool, reached[pool])]
    while (hop := reached[pool]) is not None:
        pool = hop[0]
        path.append((pool, reached[pool]))
    return path


def _augment(
    request: int,
    path: Sequence[tuple[int, _Hop]],
    needed: int,
    free: list[int],
    flow: Sequence[dict[int, int]],
) -> int:
    """Take all devices that the path allows; return their number."""
    amount = min(needed, free[path[0][0]])
    for _pool, hop in path:
        if hop is not None:
            amount = min(amount, flow[hop[0]][hop[1]])
    free[path[0][0]] -= amount
    for pool, hop in path:
        taker = request if hop is None else hop[1]
        flow[pool][taker] = flow[pool].get(taker, 0) + amount
        if hop is not None:
            source = flow[hop[0]]
            source[taker] -= amount
            if not source[taker]:
                del source[taker]
    return amount
