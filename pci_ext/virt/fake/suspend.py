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

"""Suspend a simulated guest that has PCI devices, and resume it.

As with libvirt, a guest is saved and restored without devices of its host.
"""

from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects

from pci_ext import exception
from pci_ext.virt.fake import hypervisor
from pci_ext.virt.fake import inventory


class SuspendMixin:
    """To be mixed in before Nova's fake driver.

    The attributes below are those of ``pci_ext.virt.fake.driver``.
    """

    attach_pci: Any
    attached_pci: Any
    plug_vifs: Any
    _domains: hypervisor.Domains
    _drop_untracked: Any
    _inventory: inventory.Inventory
    _prepare_devices: Any

    def suspend(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Save a guest without its devices; they stay in its definition."""
        super().suspend(context, instance)  # type: ignore[misc]
        self._drop_untracked(instance)
        devices = instance.get_pci_devices()
        try:
            for device in devices:
                self._domains.release(instance.uuid, device.address)
        except exception.PciDetachFailed as error:
            attached = self.attached_pci(instance) or ()
            self.attach_pci(
                context,
                instance,
                [each for each in devices if each.address not in attached],
            )
            raise nova_exception.InstanceFaultRollback(
                inner_exception=error
            ) from error
        self._domains.stop(instance.uuid)

    def resume(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().resume(context, instance, *args, **kwargs)  # type: ignore[misc]
        self.plug_vifs(instance, instance.get_network_info())
        self._prepare_devices(instance)
        devices = instance.get_pci_devices()
        self._inventory.check_models(devices)
        self._domains.restore(instance.uuid)
        for device in devices:
            self._domains.attach(
                instance.uuid, device.address, persistent=False
            )
