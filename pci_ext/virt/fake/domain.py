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

"""One domain of a simulated hypervisor."""

import dataclasses
from typing import Any


@dataclasses.dataclass
class Domain:
    """The devices of a domain, by their addresses on the host.

    :ivar definition: devices that its guest is started with
    :ivar guest: devices of its running guest; None if it does not run
    :ivar releasing: devices that the guest was asked to release
    :ivar is_paused: whether the guest is paused, and releases none
    """

    definition: set[str]
    guest: set[str] | None = None
    releasing: set[str] = dataclasses.field(default_factory=set)
    is_paused: bool = False

    @classmethod
    def load(cls, state: dict[str, Any]) -> 'Domain':
        """Return a domain from its state in a file."""
        guest = state['guest']
        return cls(
            definition=set(state['definition']),
            guest=None if guest is None else set(guest),
            releasing=set(state['releasing']),
            is_paused=state['is_paused'],
        )

    def save(self) -> dict[str, Any]:
        """Return its state for a file."""
        return {
            'definition': sorted(self.definition),
            'guest': None if self.guest is None else sorted(self.guest),
            'releasing': sorted(self.releasing),
            'is_paused': self.is_paused,
        }

    def start(self, devices: set[str]) -> None:
        """End the guest, if it runs, and run one with other devices."""
        self.stop()
        self.guest = devices

    def stop(self) -> None:
        """End the guest, if it runs."""
        self.guest = None
        self.releasing = set()
        self.is_paused = False
