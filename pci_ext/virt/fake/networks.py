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

"""The networks of a simulated hypervisor."""

import threading

from pci_ext.virt.fake import state_file


class Networks:
    """The networks of the ports of a host.

    :param path: file that keeps them
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._devices: dict[str, str] = state_file.load(path)

    def _save(self) -> None:
        state_file.save(self._path, self._devices)

    def make(self, name: str, address: str) -> None:
        """Make a network with a device, or replace the device of one."""
        with self._lock:
            self._devices[name] = address
            self._save()

    def remove(self, name: str) -> None:
        """Remove a network, if it exists."""
        with self._lock:
            if self._devices.pop(name, None) is not None:
                self._save()

    def all(self) -> dict[str, str]:
        """Return by name of the network the address of its device."""
        with self._lock:
            return dict(self._devices)
