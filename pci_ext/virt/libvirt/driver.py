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

"""The compute driver for libvirt."""

import contextlib
import functools
import inspect
from typing import Any

from lxml import etree
from nova import context as nova_context
from nova import objects
from nova.virt import event as virtevent
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import event as libvirtevent
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils

from pci_ext.compute import instance_devices
from pci_ext.requests import teaming
from pci_ext.virt import live_migration
from pci_ext.virt import mixin
from pci_ext.virt import port_networks
from pci_ext.virt.handlers import base
from pci_ext.virt.libvirt import connection
from pci_ext.virt.libvirt import device_metadata
from pci_ext.virt.libvirt import domain_xml
from pci_ext.virt.libvirt import hotplug
from pci_ext.virt.libvirt import node_devices
from pci_ext.virt.libvirt import suspend
from pci_ext.virt.libvirt import unplug
from pci_ext.virt.libvirt import vif

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

_RESTARTS = (
    virtevent.EVENT_LIFECYCLE_STARTED,
    virtevent.EVENT_LIFECYCLE_STOPPED,
)

#: Prefix of libvirt's aliases of host devices.
_HOSTDEV = 'hostdev'


class LibvirtDriver(
    hotplug.HotplugMixin,
    mixin.PciExtDriverMixin,
    live_migration.LiveMigrationMixin,
    suspend.SuspendMixin,
    unplug.UnplugMixin,
    driver.LibvirtDriver,
):
    """Nova's libvirt driver, with the hooks of pci_ext."""

    _pci_models: dict[str, tuple[str, str]] | None = None

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        connection.make_reentrant(self._host)
        self.vif_driver = vif.VifDriver(self._host)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """Scan the devices again if the host has others than before.

        Nova scans them once, with several calls of libvirt for each device.
        """
        models = self._list_models()
        if models != self._pci_models:
            self._pci_models = models
            self._get_pci_passthrough_devices.cache_clear()
        resources: dict[str, Any] = super().get_available_resource(nodename)
        return resources

    def _list_models(self) -> dict[str, tuple[str, str]]:
        """Return by name the models of the devices of the host.

        The name of a device is its address: another device may have it now.
        """
        libvirt = driver.libvirt
        models = {}
        for device in self._host.list_all_devices(
            flags=libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV
        ):
            # A device may be removed meanwhile.
            with contextlib.suppress(libvirt.libvirtError):
                models[device.name()] = node_devices.model_of(
                    device.XMLDesc(0)
                )
        return models

    @functools.cache  # noqa: B019  as in Nova, which clears it by this name
    def _get_pci_passthrough_devices(self) -> str:
        """Add the class code of each device.

        :returns: JSON, as the method that it extends
        """
        # Without Nova's cache: this method has its own.
        scan = driver.LibvirtDriver._get_pci_passthrough_devices
        devices = []
        for device in jsonutils.loads(inspect.unwrap(scan)(self)):
            try:
                device.update(self._more_properties(device['dev_id']))
            except driver.libvirt.libvirtError as error:
                LOG.warning(
                    'PCI device %(address)s is not offered, because libvirt '
                    'cannot describe it: %(error)s',
                    {'address': device['address'], 'error': error},
                )
                # The next periodic scan looks again.
                self._pci_models = None
            else:
                devices.append(device)
        return str(jsonutils.dumps(devices))

    def _more_properties(self, dev_id: str) -> dict[str, Any]:
        xml = self._describe(dev_id)
        found = etree.fromstring(xml).findtext('./capability/class')
        return {'class': found.removeprefix('0x')} if found else {}

    def _describe(self, dev_id: str) -> str:
        return str(self._host.device_lookup_by_name(dev_id).XMLDesc(0))

    def _guest_add_pci_devices(
        self, guest: vconfig.LibvirtConfigGuest, instance: 'objects.Instance'
    ) -> None:
        """Check the devices of a guest that is to start, and describe them."""
        self._prepare_devices(instance)
        self._check_models(instance.get_pci_devices())
        devices = instance.get_pci_devices(
            source=objects.InstancePCIRequest.FLAVOR_ALIAS
        )
        self._check_iommu_groups(
            devices, [device.address for device in devices]
        )
        self._check_virtual_functions(devices)
        super()._guest_add_pci_devices(guest, instance)

    def _get_existing_domain_xml(
        self, instance: 'objects.Instance', *args: Any, **kwargs: Any
    ) -> str:
        """Leave devices out that the guest was to release.

        Nova stores the XML for the end of a rescue. Until then the host may
        cease to track these devices, so that they cannot be told any more.
        """
        return self._without_lost(
            super()._get_existing_domain_xml(instance, *args, **kwargs),
            instance,
        )

    def _create_guest(
        self,
        context: nova_context.RequestContext,
        xml: str,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Leave devices out that are not the server's any more.

        Nova resumes and unrescues a guest by the XML of an earlier domain.
        """
        return super()._create_guest(
            context,
            self._without_lost(xml, instance),
            instance,
            *args,
            **kwargs,
        )

    def _without_lost(self, xml: str, instance: 'objects.Instance') -> str:
        self._prepare_devices(instance)
        tracked = instance_devices.tracked_devices(self.virtapi._compute.rt)
        own = {device.address for device in instance.pci_devices or ()}
        lost = {device.address for device in tracked} - own
        return domain_xml.without_hostdevs(xml, lost)

    def _get_guest_config(
        self,
        instance: 'objects.Instance',
        network_info: Any,
        *args: Any,
        **kwargs: Any,
    ) -> vconfig.LibvirtConfigGuest:
        with teaming.for_ports(network_info):
            return super()._get_guest_config(
                instance, network_info, *args, **kwargs
            )

    def port_networks(self) -> dict[str, tuple[str, str]]:
        return {
            name: (port_networks.server_of(name) or '', address)
            for name, address in self.vif_driver.networks().items()
        }

    def remove_port_network(self, name: str) -> None:
        self.vif_driver.remove_network(name)

    def _build_device_metadata(
        self, context: nova_context.RequestContext, instance: Any
    ) -> 'objects.InstanceDeviceMetadata | None':
        """Add the devices of PCI flavors to the device metadata.

        Nova calls this after it has defined a domain, and when a tagged
        interface or volume is attached.
        """
        metadata = super()._build_device_metadata(context, instance)
        guest = self._find_guest(instance)
        if guest is None:
            return metadata
        devices = [
            *(metadata.devices if metadata else ()),
            *device_metadata.describe(
                self.virtapi._compute.rt,
                instance,
                domain_xml.guest_addresses(guest.get_xml_desc()),
            ),
        ]
        if not devices:
            return None
        return objects.InstanceDeviceMetadata(devices=devices)

    def _update_device_metadata(
        self, context: nova_context.RequestContext, instance: Any
    ) -> None:
        """Rebuild and save the device metadata of a server."""
        try:
            instance.device_metadata = self._build_device_metadata(
                context, instance
            )
            instance.save()
        except Exception:
            LOG.exception(
                'The device metadata was not updated', instance=instance
            )

    def emit_event(self, event: virtevent.InstanceEvent) -> None:
        """Handle the events of a device that left a guest, and of restarts.

        A guest that is stopped or started anew has released its devices.
        """
        super().emit_event(event)
        if (
            isinstance(event, virtevent.LifecycleEvent)
            and event.get_transition() in _RESTARTS
        ):
            self.guest_restarted(event.uuid)
        if isinstance(
            event, libvirtevent.DeviceRemovedEvent
        ) and event.dev.startswith(_HOSTDEV):
            self.guest_changed(event.uuid)


# mypy refuses a driver that lacks a method of the contract.
_HANDLER: type[base.DeviceHandler] = LibvirtDriver
