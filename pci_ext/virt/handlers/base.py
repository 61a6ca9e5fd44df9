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

"""The contract between operations on PCI devices and a hypervisor."""

import abc
from collections.abc import Sequence

from nova import context as nova_context
from nova import objects

from pci_ext import exception


def check_model(device: 'objects.PciDevice', found: tuple[str, str]) -> None:
    """Check that the device at an address is the one on record.

    :param found: vendor id and product id of the device at its address
    :raises PciDeviceReplaced: naming both models
    """
    recorded = (device.vendor_id, device.product_id)
    if found != recorded:
        raise exception.PciDeviceReplaced(
            address=device.address,
            found=':'.join(found),
            recorded=':'.join(recorded),
        )


class DeviceHandler(abc.ABC):
    """The PCI devices in the guests of this host.

    Implemented by the compute driver of each hypervisor. All methods may be
    called for a server that is not running.
    """

    @abc.abstractmethod
    def check_pci_slots(
        self, instance: 'objects.Instance', count: int
    ) -> None:
        """Check that a guest has free slots for more devices.

        :raises PciActionRefused: if not, naming the limit
        """

    @abc.abstractmethod
    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        """Attach devices to a guest, running or not.

        :raises PciAttachFailed: for the first device that cannot be
            attached; those before it are attached
        """

    @abc.abstractmethod
    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        """Detach devices from a guest, and wait until it has released them.

        A device that is not in the guest counts as detached.

        :raises PciDetachFailed: for the first device that the guest
            does not release in time; those before it are detached
        """

    @abc.abstractmethod
    def attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Return the addresses of the devices in the running guest.

        :returns: None if the server is not running
        """

    def all_attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Return what :meth:`attached_pci` does, with the devices of ports."""
        return self.attached_pci(instance)

    @abc.abstractmethod
    def persistent_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Return the attached devices that are in the guest after a reboot.

        :returns: None if the server is not running
        """

    def runs_here(self, instance: 'objects.Instance') -> bool:
        """Return whether a guest runs on this host, or is about to."""
        return self.attached_pci(instance) is not None

    @abc.abstractmethod
    def has_domain(self, instance: 'objects.Instance') -> bool:
        """Return whether a guest of a server is defined on this host.

        Only the uuid of the server may be known.
        """

    @abc.abstractmethod
    def port_networks(self) -> dict[str, tuple[str, str]]:
        """Return the networks that were made for ports on this host.

        :returns: by name, the uuid of the server and the address of the device
        """

    @abc.abstractmethod
    def remove_port_network(self, name: str) -> None:
        """Remove the network of a port, if it exists."""
