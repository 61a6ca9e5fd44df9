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

"""What pci_ext adds to a driver of Nova, whatever the hypervisor."""

from collections.abc import Sequence
from typing import Any

from nova import context as nova_context
from nova import objects

from pci_ext.activation import activator
from pci_ext.compute import endpoint
from pci_ext.compute import interface_lock
from pci_ext.compute import manager
from pci_ext.compute.recovery import stale_operations
from pci_ext.compute.recovery import startup_audit


class PciExtDriverMixin:
    """To be mixed in before a driver class of Nova.

    The methods of a hypervisor of its own are those that are not implemented
    here. All of them may be called for a server that is not running.
    """

    virtapi: Any
    _pci_manager: manager.Manager | None = None

    def init_host(self, host: str) -> None:
        """Serve pci_ext, or refuse to where the seams are not installed.

        :raises NotActivated: naming the line that is missing
        :raises SeamChanged: if Nova's compute manager is not as expected
        """
        activator.require(f'The compute driver {type(self).__name__}')
        super().init_host(host)  # type: ignore[misc]
        # Nova starts to serve what is listed here only after this.
        compute = getattr(self.virtapi, '_compute', None)
        if compute is not None:
            interface_lock.serialize(compute)
            self._pci_manager = manager.Manager(compute)
            compute.additional_endpoints.append(
                endpoint.Endpoint(compute, self._pci_manager)
            )
            self._pci_manager.reconcile()
            startup_audit.start(compute)
            stale_operations.schedule(compute)

    def end_lost_pci_actions(
        self, context: nova_context.RequestContext
    ) -> None:
        """To be called now and then, for servers that nobody gives back."""
        if self._pci_manager is not None:
            self._pci_manager.look(context)

    def check_pci_ports(
        self, instance: 'objects.Instance', count: int
    ) -> None:
        """See that a guest has room for more devices.

        :raises PciActionRefused: if not, naming what limits it
        """
        raise NotImplementedError()

    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        """Put devices into a guest, running or not.

        :raises PciDeviceNotPlugged: for the first that cannot be; those
            before it are in the guest
        """
        raise NotImplementedError()

    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        """Take devices out of a guest, and wait until they are.

        A device that is not in the guest is out of it.

        :raises PciDeviceNotUnplugged: for the first that is not in time;
            those before it are out of the guest
        """
        raise NotImplementedError()

    def attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Give the addresses of the devices that a guest has now.

        :returns: None if the server is not running
        """
        raise NotImplementedError()

    def runs_here(self, instance: 'objects.Instance') -> bool:
        """Tell whether a guest runs on this host, or is about to."""
        return self.attached_pci(instance) is not None

    def firmly_attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Give those of its devices that a guest has after a reboot, too.

        :returns: None if the server is not running
        """
        return self.attached_pci(instance)

    def port_networks(self) -> dict[str, tuple[str, str]]:
        """Give the networks that were made for ports on this host.

        :returns: by name the uuid of the server and the address of the device
        """
        raise NotImplementedError()

    def remove_port_network(self, name: str) -> None:
        """Remove the network of a port, if it is there."""
        raise NotImplementedError()

    def pci_removed(self, server_uuid: str) -> None:
        """To be called when a guest let go of a device nobody waits for."""
        if self._pci_manager is not None:
            self._pci_manager.removed(server_uuid)
