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

"""The domains of a simulated hypervisor, with injected faults.

They are kept in a file: like those of a real hypervisor, they outlive
nova-compute.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import json
import os
import threading
import time
from typing import Any

import yaml

from pci_ext import exception
from pci_ext.i18n import _

#: Root ports of a guest, and seconds that the driver waits for a release.
DEFAULT_ROOT_PORTS = 28
DEFAULT_TIMEOUT = 1.0

#: Delay of a device that the guest never releases.
NEVER = 'never'


class TransferFailedError(Exception):
    """The transfer of a domain to another host failed."""


def _write(path: str, content: Any) -> None:
    """Replace a file by another in JSON, in one step."""
    new = f'{path}.new'
    with open(new, 'w', encoding='utf-8') as stream:
        json.dump(content, stream)
    os.replace(new, path)


class Faults:
    """The injected faults of hypervisor and guests, read at each access.

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

    def is_busy(self, address: str) -> bool:
        return address in self._get('busy', ())

    def release_delay(self, address: str) -> float | None:
        """Return the seconds until the guest releases a device, if ever."""
        delay = self._get('release_delay', {}).get(address, 0)
        return None if delay == NEVER else float(delay)


class Domains:
    """The running domains of a host and the devices in each.

    :param path: file that keeps them
    """

    def __init__(self, path: str, faults: Faults) -> None:
        self._path = path
        self._faults = faults
        self._lock = threading.Lock()
        self._devices: dict[str, set[str]] = {}
        # By paused domain, the functions to call when it is unpaused.
        self._paused: dict[str, list[Callable[[], None]]] = {}
        if os.path.exists(path):
            with open(path, encoding='utf-8') as stream:
                self._devices = {
                    uuid: set(found)
                    for uuid, found in json.load(stream).items()
                }

    def _save(self) -> None:
        _write(
            self._path,
            {uuid: sorted(has) for uuid, has in self._devices.items()},
        )

    def start(self, uuid: str, addresses: Iterable[str]) -> None:
        """Run a domain with the devices of its definition."""
        with self._lock:
            self._devices[uuid] = set(addresses)
            self._save()

    def stop(self, uuid: str) -> None:
        """End a domain, if it runs, with its devices."""
        with self._lock:
            self._paused.pop(uuid, None)
            if self._devices.pop(uuid, None) is not None:
                self._save()

    def pause(self, uuid: str) -> None:
        with self._lock:
            self._paused.setdefault(uuid, [])

    def unpause(self, uuid: str) -> None:
        """Resume a guest, which then releases devices as requested."""
        with self._lock:
            pending = self._paused.pop(uuid, ())
        for do in pending:
            do()

    def uuids(self) -> frozenset[str]:
        """Return the running domains."""
        with self._lock:
            return frozenset(self._devices)

    def devices(self, uuid: str) -> frozenset[str] | None:
        """Return the devices of a domain; None if it does not run."""
        with self._lock:
            found = self._devices.get(uuid)
            return None if found is None else frozenset(found)

    def prepare(self) -> None:
        """Prepare for a domain from another host.

        :raises TransferFailedError: if it cannot be transferred
        """
        if self._faults.prepare_fails:
            raise TransferFailedError('no room on the disk')

    def transfer(
        self,
        uuid: str,
        destination: 'Domains',
        renamed: Mapping[str, str],
        aborted: threading.Event,
    ) -> None:
        """Move a running domain to another host.

        :param renamed: the device on the destination for each that the
            hypervisor migrates
        :raises TransferFailedError: if the domain still runs here
        """
        devices = self.devices(uuid) or frozenset()
        if not devices <= set(renamed):
            raise TransferFailedError('domain has assigned host devices')
        if aborted.wait(self._faults.transfer_delay):
            time.sleep(self._faults.abort_delay)
            raise TransferFailedError('aborted')
        if self._faults.transfer_fails:
            raise TransferFailedError('the connection was reset')
        destination.start(uuid, [renamed[address] for address in devices])
        self.stop(uuid)

    def check_ports(self, uuid: str, count: int) -> None:
        """Check that a domain has root ports for more devices.

        :raises PciActionRefused: if not
        """
        used = self.devices(uuid)
        if used is not None and len(used) + count > self._faults.root_ports:
            raise exception.PciActionRefused(
                reason=_(
                    'The guest has no free PCIe root port for %(count)d more '
                    'devices; [libvirt] num_pcie_ports is %(ports)d.'
                )
                % {'count': count, 'ports': self._faults.root_ports}
            )

    def check_usable(self, addresses: Iterable[str]) -> None:
        """Check that a domain can be started with devices.

        :raises PciAttachFailed: for the first that is in use
        """
        for address in addresses:
            if self._faults.is_busy(address):
                raise exception.PciAttachFailed(
                    address=address, reason='in use by the host'
                )

    def attach(self, uuid: str, address: str) -> None:
        """Attach a device to a running domain.

        :raises PciAttachFailed: if it is in use
        """
        time.sleep(self._faults.attach_delay)
        with self._lock:
            holder = next(
                (
                    other
                    for other, devices in self._devices.items()
                    if address in devices
                ),
                None,
            )
            if holder is not None or self._faults.is_busy(address):
                raise exception.PciAttachFailed(
                    address=address, reason=f'in use by domain {holder}'
                )
            self._devices[uuid].add(address)
            self._save()

    def detach(
        self, uuid: str, address: str, late: Callable[[str], None]
    ) -> None:
        """Detach a device from a guest, and wait until it is released.

        :param late: called with the domain if the guest releases it later
        :raises PciDetachFailed: if it is not released in time
        """
        delay = self._faults.release_delay(address)
        timeout = self._faults.timeout

        def release_late() -> None:
            self._release(uuid, address)
            late(uuid)

        if uuid in self._paused:
            self._paused[uuid].append(release_late)
        elif delay is not None and delay <= timeout:
            time.sleep(delay)
            self._release(uuid, address)
            return
        elif delay is not None:
            threading.Timer(delay, release_late).start()
        time.sleep(timeout)
        if address in (self.devices(uuid) or ()):
            raise exception.PciDetachFailed(
                address=address,
                reason=f'the guest has it after {timeout:g} s',
            )

    def _release(self, uuid: str, address: str) -> None:
        with self._lock:
            self._devices.get(uuid, set()).discard(address)
            self._save()


#: The simulated hypervisors of this process, by name of the host.
HYPERVISORS: dict[str, Domains] = {}


class Networks:
    """The networks of the ports of a host.

    :param path: file that keeps them
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._devices: dict[str, str] = {}
        if os.path.exists(path):
            with open(path, encoding='utf-8') as stream:
                self._devices = json.load(stream)

    def _save(self) -> None:
        _write(self._path, self._devices)

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
