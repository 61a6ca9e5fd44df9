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

"""The domains of a simulated hypervisor."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import threading
import time

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.virt.fake import injected_faults
from pci_ext.virt.fake import state_file


class TransferFailedError(Exception):
    """The transfer of a domain to another host failed."""


class Domains:
    """The running domains of a host and the devices in each.

    :param path: file that keeps them
    """

    def __init__(self, path: str, faults: injected_faults.Faults) -> None:
        self._path = path
        self._faults = faults
        self._lock = threading.Lock()
        self._devices: dict[str, set[str]] = {
            uuid: set(found) for uuid, found in state_file.load(path).items()
        }
        # By paused domain, the functions to call when it is unpaused.
        self._paused: dict[str, list[Callable[[], None]]] = {}

    def _save(self) -> None:
        state_file.save(
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
