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

"""The interfaces of simulated guests and the networks of their ports."""

from typing import Any

from nova import context as nova_context
from nova import objects

from pci_ext.virt import port_networks
from pci_ext.virt.fake import hypervisor
from pci_ext.virt.fake import networks


class InterfacesMixin:
    """To be mixed in before Nova's fake driver.

    The attributes below are those of ``pci_ext.virt.fake.driver``.
    """

    _domains: hypervisor.Domains
    _networks: networks.Networks

    def plug_vifs(
        self, instance: 'objects.Instance', network_info: Any
    ) -> None:
        super().plug_vifs(instance, network_info)  # type: ignore[misc]
        for vif in network_info:
            if port_networks.needs_network(vif):
                self._networks.make(
                    port_networks.name_of(instance.uuid, vif['id']),
                    vif['profile']['pci_slot'],
                )

    def unplug_vifs(
        self, instance: 'objects.Instance', network_info: Any
    ) -> None:
        super().unplug_vifs(instance, network_info)  # type: ignore[misc]
        for vif in network_info:
            self._networks.remove(
                port_networks.name_of(instance.uuid, vif['id'])
            )

    def attach_interface(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        image_meta: 'objects.ImageMeta',
        vif: Any,
    ) -> None:
        super().attach_interface(  # type: ignore[misc]
            context, instance, image_meta, vif
        )
        self.plug_vifs(instance, [vif])
        address = vif['profile'].get('pci_slot')
        if address and self._domains.definition(instance.uuid) is not None:
            self._domains.attach(instance.uuid, address)

    def detach_interface(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        vif: Any,
    ) -> None:
        super().detach_interface(context, instance, vif)  # type: ignore[misc]
        address = vif['profile'].get('pci_slot')
        if address:
            self._domains.detach(instance.uuid, address)
        self.unplug_vifs(instance, [vif])
