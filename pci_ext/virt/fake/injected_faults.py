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

"""The injected faults of a simulated hypervisor and its guests."""

import os
from typing import Any

import yaml

#: Root ports of a guest, and seconds that the driver waits for a release.
DEFAULT_ROOT_PORTS = 28
DEFAULT_TIMEOUT = 1.0

#: Delay of a device that the guest never releases.
NEVER = 'never'


class Faults:
    """The injected faults, read at each access.

    A file in YAML, with any of these keys::

        root_ports: 2  # root ports of each guest
        busy: ['0000:01:00.0']  # cannot be attached
        release_delay: {'0000:02:00.0': 1.5}  # seconds until the guest
        # releases the device, or never
        timeout: 1.0  # seconds that the driver waits for a release
        attach_delay: 0.5  # seconds that an attach takes
        transfer_delay: 2.0  # seconds that a live migration takes
        transfer_fails: true
        prepare_fails: true  # at the destination, before the detach
        abort_delay: 0.5  # seconds that the abort of a transfer takes
        unreachable: true  # as if libvirtd were stopped; the guests run on

    :param path: the file; without it nothing fails
    """

    KEYS = frozenset(
        (
            'root_ports',
            'busy',
            'release_delay',
            'timeout',
            'attach_delay',
            'transfer_delay',
            'transfer_fails',
            'prepare_fails',
            'abort_delay',
            'unreachable',
        )
    )

    def __init__(self, path: str | None) -> None:
        self._path = path

    def _get(self, key: str, default: Any) -> Any:
        """Read a fault.

        :raises ValueError: if the file has an unknown key
        """
        if self._path is None or not os.path.exists(self._path):
            return default
        with open(self._path, encoding='utf-8') as stream:
            faults = yaml.safe_load(stream) or {}
        unknown = sorted(faults.keys() - self.KEYS)
        if unknown:
            raise ValueError(
                f'{self._path}: unknown faults {", ".join(unknown)}; '
                f'known are {", ".join(sorted(self.KEYS))}'
            )
        return faults.get(key, default)

    @property
    def root_ports(self) -> int:
        return int(self._get('root_ports', DEFAULT_ROOT_PORTS))

    @property
    def timeout(self) -> float:
        return float(self._get('timeout', DEFAULT_TIMEOUT))

    @property
    def attach_delay(self) -> float:
        return float(self._get('attach_delay', 0))

    @property
    def transfer_delay(self) -> float:
        return float(self._get('transfer_delay', 0))

    @property
    def transfer_fails(self) -> bool:
        return bool(self._get('transfer_fails', False))

    @property
    def prepare_fails(self) -> bool:
        return bool(self._get('prepare_fails', False))

    @property
    def abort_delay(self) -> float:
        return float(self._get('abort_delay', 0))

    @property
    def unreachable(self) -> bool:
        return bool(self._get('unreachable', False))

    def is_busy(self, address: str) -> bool:
        return address in self._get('busy', ())

    def release_delay(self, address: str) -> float | None:
        """Return the seconds until the guest releases a device, if ever."""
        delay = self._get('release_delay', {}).get(address, 0)
        return None if delay == NEVER else float(delay)
