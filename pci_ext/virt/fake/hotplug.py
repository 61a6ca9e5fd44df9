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

"""Attach devices to a simulated guest, and detach them."""

from collections.abc import Sequence

from nova import context as nova_context
from nova import objects

from pci_ext.virt.fake import hypervisor
from pci_ext.virt.fake import inventory
from pci_ext.virt.handlers import base


class HotplugMixin(base.DeviceHandler):
    """To be mixed in before Nova's fake driver.

    The attributes below are those of ``pci_ext.virt.fake.driver``.
    """

    _domains: hypervisor.Domains
    _inventory: inventory.Inventory

    def check_pci_slots(
        self, instance: 'objects.Instance', count: int
    ) -> None:
        self._domains.check_ports(instance.uuid, count)

    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        self._inventory.check_models(devices)
        definition = self._domains.definition(instance.uuid)
        if definition is None:
            # The domain is defined when the server is started.
            return
        attached = self.attached_pci(instance) or ()
        for device in devices:
            # It may be in one of guest and definition already.
            if device.address not in attached:
                self._domains.attach(instance.uuid, device.address)
            elif device.address not in definition:
                self._domains.add_to_definition(instance.uuid, device.address)

    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        for device in devices:
            self._domains.detach(instance.uuid, device.address)

    def attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        return self._domains.devices(instance.uuid)

    def has_domain(self, instance: 'objects.Instance') -> bool:
        return self._domains.definition(instance.uuid) is not None

    def persistent_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Return the devices in both the guest and its definition."""
        attached = self.attached_pci(instance)
        if attached is None:
            return None
        return attached & (self._domains.definition(instance.uuid) or set())
