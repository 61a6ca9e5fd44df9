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

"""The hooks of pci_ext in a driver of Nova, for any hypervisor."""

from collections.abc import Mapping
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import provider_tree as nova_provider_tree

from pci_ext import server_state
from pci_ext.activation import active
from pci_ext.claims import own_aggregate
from pci_ext.compute import deleted_ports
from pci_ext.compute import endpoint
from pci_ext.compute import instance_devices
from pci_ext.compute import interface_lock
from pci_ext.compute import manager
from pci_ext.compute.migration import stale_contexts


class PciExtDriverMixin:
    """To be mixed in before a driver class of Nova.

    The driver implements :class:`pci_ext.virt.handlers.base.DeviceHandler`.
    """

    virtapi: Any
    _pci_manager: manager.Manager | None = None

    #: Nodes that are in their own aggregate in Placement.
    _own_aggregate_members: frozenset[str] = frozenset()

    def init_host(self, host: str) -> None:
        """Serve pci_ext; refuse to start where it is not activated.

        :raises NotActivated: naming the missing line of nova.conf
        :raises SeamChanged: if Nova's compute manager is not as expected
        """
        active.require(f'The compute driver {type(self).__name__}')
        super().init_host(host)  # type: ignore[misc]
        # Nova begins to serve the additional endpoints after this.
        compute = getattr(self.virtapi, '_compute', None)
        if compute is not None:
            interface_lock.install(compute)
            self._pci_manager = manager.Manager(compute)
            deleted_ports.install(compute, self._pci_manager.guest_changed)
            compute.additional_endpoints.append(
                endpoint.Endpoint(compute, self._pci_manager)
            )
            self._pci_manager.start()

    def cleanup_host(self, host: str) -> None:
        """End what waits in threads; Nova 33 has no earlier hook for it."""
        if self._pci_manager is not None:
            self._pci_manager.workers.shutdown.begin()
        super().cleanup_host(host)  # type: ignore[misc]

    def update_provider_tree(
        self,
        provider_tree: 'nova_provider_tree.ProviderTree',
        nodename: str,
        allocations: Any = None,
    ) -> None:
        """Add the host to an aggregate of its own, for nova-scheduler."""
        super().update_provider_tree(  # type: ignore[misc]
            provider_tree, nodename, allocations=allocations
        )
        members = self._own_aggregate_members - {nodename}
        if own_aggregate.join(provider_tree, nodename):
            members |= {nodename}
        self._own_aggregate_members = members

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """Report to nova-scheduler that the host is in its aggregate."""
        resources: dict[str, Any] = super().get_available_resource(  # type: ignore[misc]
            nodename
        )
        if nodename in self._own_aggregate_members:
            stats = resources.setdefault('stats', {})
            stats[own_aggregate.IS_MEMBER] = 'true'
        return resources

    def _drop_untracked(self, instance: 'objects.Instance') -> None:
        """Remove devices that this host has no record of from an instance."""
        instance_devices.drop_untracked(
            nova_context.get_admin_context(),
            self.virtapi._compute.rt,
            instance,
        )

    def _prepare_devices(self, instance: 'objects.Instance') -> None:
        """Leave in an instance the devices with which its guest is started."""
        self._drop_untracked(instance)
        dropped = instance_devices.drop_pending_detach(
            nova_context.get_admin_context(), instance
        )
        # The new guest may have devices that the last one lacked, also on
        # another host, and may lack all that the last one was to release. And
        # a service without pci_ext, which saves all metadata that it has
        # loaded, may have restored the id of an ended operation.
        is_marked = (
            dropped
            or server_state.pending_detaches(instance)
            or server_state.pending_reattach(instance)
            or server_state.operation_id(instance)
        )
        if is_marked:
            self._heal_soon(instance)

    def _heal_soon(self, instance: 'objects.Instance') -> None:
        if self._pci_manager is not None:
            self._pci_manager.heal_soon(instance.uuid)

    def _reattach_later(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        errors: Mapping[str, str],
    ) -> None:
        """Attach devices that a guest lacks in the background."""
        if errors and self._pci_manager is not None:
            self._pci_manager.reattach_later(context, instance, errors)

    def rebuild(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Drop the context of a move that is over; Nova rebuilds the server.

        :raises NotImplementedError: if Nova is to do it without the driver
        """
        stale_contexts.drop(instance, self.virtapi._compute.host)
        super().rebuild(  # type: ignore[misc]
            context, instance, *args, **kwargs
        )

    def guest_changed(self, server_uuid: str) -> None:
        """Heal a server whose guest lost a device."""
        if self._pci_manager is not None:
            self._pci_manager.guest_changed(server_uuid)

    def guest_restarted(self, server_uuid: str) -> None:
        """Heal a server whose guest was started or stopped, if it waits."""
        if self._pci_manager is not None:
            self._pci_manager.guest_restarted(server_uuid)
