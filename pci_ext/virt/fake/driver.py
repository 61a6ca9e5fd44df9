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

"""The compute driver for a simulated hypervisor."""

import os
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import power_state
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils
from oslo_utils import excutils

from pci_ext import exception
from pci_ext.virt import live_migration
from pci_ext.virt import mixin
from pci_ext.virt import port_networks
from pci_ext.virt.fake import hotplug
from pci_ext.virt.fake import hypervisor
from pci_ext.virt.fake import injected_faults
from pci_ext.virt.fake import interfaces
from pci_ext.virt.fake import inventory
from pci_ext.virt.fake import networks
from pci_ext.virt.fake import suspend
from pci_ext.virt.fake import transfer
from pci_ext.virt.handlers import base

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class FakeDriver(
    hotplug.HotplugMixin,
    mixin.PciExtDriverMixin,
    live_migration.LiveMigrationMixin,
    interfaces.InterfacesMixin,
    suspend.SuspendMixin,
    transfer.TransferDriver,
):
    """Nova's fake driver, with the PCI devices of a hardware file.

    Its domains have the devices that real domains would have, even where
    Nova's records differ.
    """

    def init_host(self, host: str) -> None:
        """Read the devices of this host.

        :raises InvalidHardware: if there is no such file or host, or the
            file does not parse
        """
        self._inventory = inventory.Inventory(host)
        self._domains = hypervisor.Domains(
            os.path.join(CONF.state_path, 'domains.json'),
            injected_faults.Faults(CONF.pci_ext.fake_faults),
            self._inventory,
            self.guest_changed,
        )
        hypervisor.HYPERVISORS[host] = self._domains

        self._networks = networks.Networks(
            os.path.join(CONF.state_path, 'networks.json')
        )
        self._restore_guests(host)
        super().init_host(host)

    def _restore_guests(self, host: str) -> None:
        """Restore the guests that Nova's driver keeps in memory only.

        Those of a real hypervisor outlive nova-compute.
        """
        context = nova_context.get_admin_context()
        instances = objects.InstanceList.get_by_host(
            context, host, expected_attrs=['flavor']
        )
        for instance in instances:
            # Nova's method only: the domains of this class are in files.
            super().spawn(
                context,
                instance,
                image_meta=None,
                injected_files=[],
                admin_password=None,
                allocations={},
            )

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        devices = self._inventory.devices()
        resources: dict[str, Any] = super().get_available_resource(nodename)
        resources['pci_passthrough_devices'] = jsonutils.dumps(devices)
        return resources

    def list_instance_uuids(self) -> list[str]:
        """Return the servers with a guest here.

        Nova destroys those that were evacuated while nova-compute was down.
        """
        known: list[str] = super().list_instance_uuids()
        return sorted({*known, *self._domains.uuids()})

    def port_networks(self) -> dict[str, tuple[str, str]]:
        return {
            name: (port_networks.server_of(name) or '', address)
            for name, address in self._networks.all().items()
        }

    def remove_port_network(self, name: str) -> None:
        self._networks.remove(name)

    def get_info(
        self, instance: 'objects.Instance', use_cache: bool = True
    ) -> Any:
        """Return the power state of the guest, also after a restart."""
        info = super().get_info(instance, use_cache)
        if not self.runs_here(instance):
            info.state = power_state.SHUTDOWN
        elif self._domains.is_paused(instance.uuid):
            info.state = power_state.PAUSED
        else:
            info.state = power_state.RUNNING
        return info

    def _define_domain(self, instance: 'objects.Instance') -> None:
        """Define a domain by the records of its server."""
        self.plug_vifs(instance, instance.get_network_info())
        self._prepare_devices(instance)
        devices = instance.get_pci_devices()
        self._inventory.check_models(devices)
        self._domains.define(
            instance.uuid, [device.address for device in devices]
        )

    def _start_domain(self, instance: 'objects.Instance') -> None:
        """Define and run a domain, as Nova's libvirt driver does.

        :raises PciAttachFailed: for a device that the guest cannot have; the
            domain is removed
        """
        self._define_domain(instance)
        self._domains.stop(instance.uuid)
        try:
            self._domains.start(instance.uuid)
        except exception.PciAttachFailed:
            with excutils.save_and_reraise_exception():
                self._domains.remove(instance.uuid)

    def spawn(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().spawn(context, instance, *args, **kwargs)
        # The cache of a new server may lack the network info.
        self.plug_vifs(instance, kwargs.get('network_info') or ())
        # After a live migration the domain runs already.
        if self.runs_here(instance):
            return
        if kwargs.get('power_on', True):
            self._start_domain(instance)
        else:
            self._define_domain(instance)

    def power_on(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().power_on(context, instance, *args, **kwargs)
        self._domains.remove(instance.uuid)
        self._start_domain(instance)

    def power_off(
        self, instance: 'objects.Instance', *args: Any, **kwargs: Any
    ) -> None:
        super().power_off(instance, *args, **kwargs)
        self._domains.stop(instance.uuid)

    def reboot(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        network_info: Any,
        reboot_type: str,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Reboot a guest, as Nova's libvirt driver does.

        A soft reboot starts it by its definition. A hard reboot, to which a
        failed one falls back, defines it anew.
        """
        if reboot_type != 'SOFT' or not self._soft_reboot(instance):
            super().reboot(
                context, instance, network_info, reboot_type, *args, **kwargs
            )

    def _soft_reboot(self, instance: 'objects.Instance') -> bool:
        """Reboot a guest by its definition; return whether it did."""
        if not self.runs_here(instance):
            return False
        self._domains.stop(instance.uuid)
        try:
            self._domains.start(instance.uuid)
        except exception.PciAttachFailed as error:
            LOG.warning('The soft reboot failed: %s', error, instance=instance)
            return False
        return True

    def destroy(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        network_info: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().destroy(context, instance, network_info, *args, **kwargs)
        self._domains.remove(instance.uuid)
        self.unplug_vifs(instance, network_info)

    def migrate_disk_and_power_off(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        self._domains.stop(instance.uuid)
        return super().migrate_disk_and_power_off(
            context, instance, *args, **kwargs
        )

    def finish_revert_migration(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        network_info: Any,
        migration: 'objects.Migration',
        block_device_info: Any = None,
        power_on: bool = True,
        **kwargs: Any,
    ) -> None:
        super().finish_revert_migration(
            context,
            instance,
            network_info,
            migration,
            block_device_info,
            power_on,
            **kwargs,
        )
        if power_on:
            self._start_domain(instance)
        else:
            self._define_domain(instance)

    def pause(self, instance: 'objects.Instance') -> None:
        super().pause(instance)
        self._domains.pause(instance.uuid)

    def unpause(self, instance: 'objects.Instance') -> None:
        super().unpause(instance)
        self._domains.unpause(instance.uuid)

    def rescue(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().rescue(context, instance, *args, **kwargs)
        self._start_domain(instance)

    def unrescue(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        super().unrescue(context, instance)
        self._start_domain(instance)


# mypy refuses a driver that lacks a method of the contract.
_HANDLER: type[base.DeviceHandler] = FakeDriver
