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

    def add(self, server_uuid: str) -> None:
        """Let a server be healed again; each time after a longer delay."""
        known = self._schedules.get(server_uuid)
        delay = (
            _FIRST_DELAY if known is None else min(2 * known.delay, _MAX_DELAY)
        )
        self._schedules[server_uuid] = _Schedule(
            time.monotonic() + delay, delay
        )

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
