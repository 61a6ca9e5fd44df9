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

The paths are found by Dijkstra's algorithm over reduced costs: requests and
pools have prices, with which each device taken costs 0 and no device costs
less.
"""

from collections.abc import Sequence
import itertools
import math

Costs = Sequence[int | None]

#: (index of request, index of pool, number of devices)
Flow = list[tuple[int, int, int]]

# Requests, each with the pool that it takes devices from: free ones for the
# first, those of the request before for each other.
_Path = list[tuple[int, int]]


def cheapest_flow(
    capacities: Sequence[int], counts: Sequence[int], costs: Sequence[Costs]
) -> Flow | None:
    """Take `counts` devices for the requests at the least total cost.

    :param capacities: devices in each pool
    :param counts: devices for each request
    :param costs: for each request the cost of a device from each pool, at
        least 0; None if they do not match
    :returns: the flow, in order; None if there is none
    """
    network = _Network(capacities, costs)
    for request, count in enumerate(counts):
        needed = count
        while needed > 0:
            path = network.cheapest_path(request)
            if path is None:
                return None
            needed -= network.augment(path, needed)
    return sorted(
        (request, pool, devices)
        for pool, by_request in enumerate(network.flow)
        for request, devices in by_request.items()
    )


class _Network:
    """The devices taken so far.

    :ivar flow: for each pool the devices taken from it, by request
    """

    def __init__(
        self, capacities: Sequence[int], costs: Sequence[Costs]
    ) -> None:
        self.flow: list[dict[int, int]] = [{} for _ in capacities]
        self._costs = costs
        self._free = list(capacities)
        # Pools of which all devices are taken. Only these are passed on the
        # way to free devices, and the price of each other one is 0.
        self._full: list[int] = []
        self._request_prices: list[float] = [0] * len(costs)
        self._pool_prices: list[float] = [0] * len(capacities)
        # For each request its pools, the cheapest last.
        self._options = [
            sorted(
                [
                    (cost, pool)
                    for pool, cost in enumerate(row)
                    if cost is not None and capacities[pool] > 0
                ],
                reverse=True,
            )
            for row in costs
        ]

    def cheapest_path(self, request: int) -> _Path | None:
        """Find the cheapest path from a request to free devices.

        :returns: of several the one to the first pool; None if there is none
        """
        # The pools ahead, what the way to each pool costs, and the request
        # that takes its devices on that way.
        ahead = list(self._full)
        distances: list[float] = [math.inf] * len(self.flow)
        takers: dict[int, int] = {}
        # What the way to each request costs, and the pool that it gives
        # devices back to.
        reached: dict[int, float] = {request: 0}
        sources: dict[int, int] = {}
        end: tuple[float, int] = (math.inf, 0)
        nearest, last = [request], request
        while True:
            for taker in nearest:
                start = reached[taker] - self._request_prices[taker]
                self._look_ahead(taker, start, ahead, distances, takers)
                free = self._cheapest_free(taker)
                # Of paths to the same pool the first: it moves the least.
                if free is not None and (start + free[0], free[1]) < end:
                    end, last = (start + free[0], free[1]), taker
            distance = min([distances[pool] for pool in ahead], default=None)
            if distance is None or distance == math.inf or distance > end[0]:
                break
            # All that are as near, at once: most often these are many.
            nearest = []
            for source in ahead:
                if distances[source] == distance:
                    for taker in self.flow[source]:
                        if taker not in reached:
                            reached[taker] = distance
                            sources[taker] = source
                            nearest.append(taker)
            ahead = [pool for pool in ahead if distances[pool] != distance]
        length, pool = end
        if length == math.inf:
            return None
        for other, distance in reached.items():
            self._request_prices[other] += length - distance
        for source in set(self._full).difference(ahead):
            self._pool_prices[source] -= length - distances[source]
        path = [(taker := last, pool)]
        while taker in sources:
            pool = sources[taker]
            taker = takers[pool]
            path.append((taker, pool))
        return path

    def _look_ahead(
        self,
        taker: int,
        start: float,
        ahead: Sequence[int],
        distances: list[float],
        takers: dict[int, int],
    ) -> None:
        """Shorten the ways to pools by those over a request."""
        # Written out for speed: most of the time is spent here.
        costs = self._costs[taker]
        prices = self._pool_prices
        for pool in ahead:
            cost = costs[pool]
            if cost is not None:
                distance = start + cost - prices[pool]
                if distance < distances[pool]:
                    distances[pool] = distance
                    takers[pool] = taker

    def _cheapest_free(self, request: int) -> tuple[int, int] | None:
        """Return the cost and the pool of the cheapest free device."""
        options = self._options[request]
        # Devices taken go from request to request, but are not freed.
        while options and not self._free[options[-1][1]]:
            options.pop()
        return options[-1] if options else None

    def augment(self, path: _Path, needed: int) -> int:
        """Take all devices that a path allows; return their number."""
        end = path[0][1]
        moved = [
            (self.flow[pool], giver)
            for (giver, _), (_, pool) in itertools.pairwise(path)
        ]
        amount = min(
            needed, self._free[end], *(taken[giver] for taken, giver in moved)
        )
        for taken, giver in moved:
            taken[giver] -= amount
            if not taken[giver]:
                del taken[giver]
        for taker, pool in path:
            self.flow[pool][taker] = self.flow[pool].get(taker, 0) + amount
        self._free[end] -= amount
        if not self._free[end]:
            self._full.append(end)
        return amount
