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

"""The domains of a simulated hypervisor, as strict as libvirt's."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import threading
import time

from nova import exception as nova_exception

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.virt.fake import domain
from pci_ext.virt.fake import injected_faults
from pci_ext.virt.fake import inventory
from pci_ext.virt.fake import state_file


class Domains:
    """The domains of a host, and the devices of each.

    :param path: file that keeps them
    :param devices: the devices of the host
    :param on_release: called with the uuid of a domain whose guest released
        a device after a detach had timed out
    """

    def __init__(
        self,
        path: str,
        faults: injected_faults.Faults,
        devices: inventory.Inventory,
        on_release: Callable[[str], None],
    ) -> None:
        self._path = path
        self.faults = faults
        self.inventory = devices
        self._on_release = on_release
        self._lock = threading.Lock()
        self._domains = {
            uuid: domain.Domain.load(state)
            for uuid, state in state_file.load(path).items()
        }

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Hold the lock, if the hypervisor can be reached.

        :raises nova.exception.HypervisorUnavailable: if not
        """
        if self.faults.unreachable:
            raise nova_exception.HypervisorUnavailable()
        with self._lock:
            yield

    def _save(self) -> None:
        state_file.save(
            self._path,
            {uuid: found.save() for uuid, found in self._domains.items()},
        )

    def define(self, uuid: str, addresses: Iterable[str]) -> None:
        """Define a domain, or define one anew; its guest runs on."""
        with self._connected():
            definition = set(addresses)
            found = self._domains.setdefault(uuid, domain.Domain(definition))
            found.definition = definition
            self._save()

    def add_to_definition(self, uuid: str, address: str) -> None:
        """Let a guest have a device after its next start, too."""
        with self._connected():
            self._domains[uuid].definition.add(address)
            self._save()

    def remove(self, uuid: str) -> None:
        """End the guest of a domain, and remove its definition."""
        with self._connected():
            if self._domains.pop(uuid, None) is not None:
                self._save()

    def start(self, uuid: str) -> None:
        """Run the guest of a domain by its definition.

        :raises PciAttachFailed: for the first device that it cannot have
        """
        with self._connected():
            found = self._domains[uuid]
            for address in sorted(found.definition):
                self._check_usable(address)
            found.start(set(found.definition))
            self._save()

    def restore(self, uuid: str) -> None:
        """Run a guest that was saved, without devices of the host."""
        with self._connected():
            self._domains[uuid].start(set())
            self._save()

    def stop(self, uuid: str) -> None:
        """End the guest of a domain, if it runs; its definition stays."""
        with self._connected():
            if uuid in self._domains:
                self._domains[uuid].stop()
                self._save()

    def _running(self, uuid: str) -> domain.Domain:
        """Return a domain whose guest runs; with the lock held.

        :raises nova.exception.InstanceNotRunning: if it does not
        """
        found = self._domains.get(uuid)
        if found is None or found.guest is None:
            raise nova_exception.InstanceNotRunning(instance_id=uuid)
        return found

    def pause(self, uuid: str) -> None:
        """Pause a guest, as libvirt does: only one that runs.

        :raises nova.exception.InstanceNotRunning: if it does not
        """
        with self._connected():
            self._running(uuid).is_paused = True
            self._save()

    def unpause(self, uuid: str) -> None:
        """Resume a guest, which then releases devices as requested.

        :raises nova.exception.InstanceNotRunning: if it does not run
        """
        with self._connected():
            found = self._running(uuid)
            found.is_paused = False
            self._save()
            releasing = sorted(found.releasing)
        for address in releasing:
            delay = self.faults.release_delay(address)
            if delay is not None:
                self._release_later(uuid, address, delay)

    def is_paused(self, uuid: str) -> bool:
        with self._connected():
            found = self._domains.get(uuid)
            return found is not None and found.is_paused

    def uuids(self) -> frozenset[str]:
        """Return the domains, running or not."""
        with self._connected():
            return frozenset(self._domains)

    def devices(self, uuid: str) -> frozenset[str] | None:
        """Return the devices of a guest; None if it does not run."""
        with self._connected():
            found = self._domains.get(uuid)
            if found is None or found.guest is None:
                return None
            return frozenset(found.guest)

    def definition(self, uuid: str) -> frozenset[str] | None:
        """Return the devices that a guest is started with.

        :returns: None if there is no such domain
        """
        with self._connected():
            found = self._domains.get(uuid)
            return None if found is None else frozenset(found.definition)

    def check_ports(self, uuid: str, count: int) -> None:
        """Check that a domain has root ports for more devices.

        :raises PciActionRefused: if not
        """
        used = self.devices(uuid)
        if used is not None and len(used) + count > self.faults.root_ports:
            raise exception.PciActionRefused(
                reason=_(
                    'The guest has no free PCIe root port for %(count)d more '
                    'devices; [libvirt] num_pcie_ports is %(ports)d.'
                )
                % {'count': count, 'ports': self.faults.root_ports}
            )

    def _check_usable(self, address: str) -> None:
        """Check that a guest can get a device; with the lock held.

        :raises PciAttachFailed: if the host does not have it, or it is in use
        """
        if not self.inventory.has(address):
            raise exception.PciAttachFailed(
                address=address, reason='the host does not have it.'
            )
        if self.faults.is_busy(address):
            raise exception.PciAttachFailed(
                address=address, reason='in use by the host'
            )
        for uuid, other in self._domains.items():
            if address in (other.guest or ()):
                raise exception.PciAttachFailed(
                    address=address, reason=f'in use by domain {uuid}'
                )

    def attach(
        self, uuid: str, address: str, *, persistent: bool = True
    ) -> None:
        """Attach a device to a guest, if it runs, and to its definition.

        :param persistent: whether to change the definition
        :raises PciAttachFailed: if the host does not have the device, or it
            is in use, be it by this guest; the definition is not changed
        """
        time.sleep(self.faults.attach_delay)
        with self._connected():
            found = self._domains[uuid]
            if found.guest is not None:
                self._check_usable(address)
                found.guest.add(address)
            if persistent:
                found.definition.add(address)
            self._save()

    def detach(self, uuid: str, address: str) -> None:
        """Detach a device from a definition, and then from the guest.

        As with Nova's libvirt driver, the definition is changed even if the
        guest does not release the device.

        :raises PciDetachFailed: if it is not released in time
        """
        with self._connected():
            if uuid in self._domains:
                self._domains[uuid].definition.discard(address)
                self._save()
        self.release(uuid, address)

    def release(self, uuid: str, address: str) -> None:
        """Ask a guest for a device, and wait until it is released.

        The definition of the domain stays as it is.

        :raises PciDetachFailed: if it is not released in time
        """
        with self._connected():
            found = self._domains.get(uuid)
            if found is None or address not in (found.guest or ()):
                return
            found.releasing.add(address)
            self._save()
            is_paused = found.is_paused
        delay = None if is_paused else self.faults.release_delay(address)
        timeout = self.faults.timeout
        if delay is not None and delay <= timeout:
            time.sleep(delay)
            self._release(uuid, address)
            return
        if delay is not None:
            self._release_later(uuid, address, delay)
        time.sleep(timeout)
        if address in (self.devices(uuid) or ()):
            raise exception.PciDetachFailed(
                address=address,
                reason=f'the guest did not release it in {timeout:g} s',
            )

    def _release_later(self, uuid: str, address: str, delay: float) -> None:
        """Let a guest release a device, unless it is started anew before.

        :param delay: seconds until then
        """

        def release() -> None:
            with self._lock:
                found = self._domains.get(uuid)
                if found is None or address not in found.releasing:
                    return
            self._release(uuid, address)
            self._on_release(uuid)

        if delay:
            threading.Timer(delay, release).start()
        else:
            release()

    def _release(self, uuid: str, address: str) -> None:
        with self._lock:
            found = self._domains.get(uuid)
            if found is not None and found.guest is not None:
                found.guest.discard(address)
                found.releasing.discard(address)
                self._save()


#: The simulated hypervisors of this process, by name of the host.
HYPERVISORS: dict[str, Domains] = {}
