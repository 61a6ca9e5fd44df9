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

from typing import Any

from pci_ext.activation import activator
from pci_ext.compute import endpoint
from pci_ext.compute import interface_lock
from pci_ext.compute import manager
from pci_ext.compute.recovery import startup_audit


class PciExtDriverMixin:
    """To be mixed in before a driver class of Nova.

    The driver implements :class:`pci_ext.virt.handlers.base.DeviceHandler`.
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

    def pci_removed(self, server_uuid: str) -> None:
        """To be called when a guest let go of a device nobody waits for."""
        if self._pci_manager is not None:
            self._pci_manager.removed(server_uuid)
