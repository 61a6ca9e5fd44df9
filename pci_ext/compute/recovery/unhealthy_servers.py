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

"""The servers of a host that are to be healed, and when."""

import dataclasses
import time

#: Seconds from one attempt to the next; doubled each time up to the last.
_FIRST_DELAY = 10.0
_MAX_DELAY = 600.0


@dataclasses.dataclass
class _Schedule:
    due: float
    delay: float


class UnhealthyServers:
    """Servers to heal again later, in the memory of nova-compute.

    Each start of nova-compute finds them anew.
    """

    def __init__(self) -> None:
        self._schedules: dict[str, _Schedule] = {}

    def __contains__(self, server_uuid: str) -> bool:
        return server_uuid in self._schedules

    def add(self, server_uuid: str) -> None:
        """Let a server be healed again; each time after a longer delay.

        A server that was looked at before its time, as its guest changed, is
        not made to wait longer: Nova may have had it at that moment.
        """
        now = time.monotonic()
        known = self._schedules.get(server_uuid)
        if known is None:
            due, delay = now + _FIRST_DELAY, _FIRST_DELAY
        elif now < known.due:
            due, delay = min(known.due, now + _FIRST_DELAY), _FIRST_DELAY
        else:
            delay = min(2 * known.delay, _MAX_DELAY)
            due = now + delay
        self._schedules[server_uuid] = _Schedule(due, delay)

    def discard(self, server_uuid: str) -> None:
        """Forget a server that is healthy."""
        self._schedules.pop(server_uuid, None)

    def due(self) -> list[str]:
        """Return the servers that are to be healed now."""
        now = time.monotonic()
        return [
            server_uuid
            for server_uuid, schedule in list(self._schedules.items())
            if schedule.due <= now
        ]
