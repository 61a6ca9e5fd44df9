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

"""The libvirt form of the driver."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import functools
import inspect
from typing import Any

from lxml import etree
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.virt import event as virtevent
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import event as libvirtevent
from nova.virt.libvirt import guest as libvirt_guest
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.integration import teaming
from pci_ext.virt import device_metadata
from pci_ext.virt import domain_xml
from pci_ext.virt import interfaces
from pci_ext.virt import iommu_groups
from pci_ext.virt import live_migration
from pci_ext.virt import mixin
from pci_ext.virt import physical_functions
from pci_ext.virt import port_networks
from pci_ext.virt import suspend
from pci_ext.virt import vif

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Begins the aliases that libvirt gives to host devices.
_HOSTDEV = 'hostdev'


class LibvirtDriver(
    mixin.PciExtDriverMixin,
    live_migration.LiveMigrationMixin,
    suspend.SuspendMixin,
    driver.LibvirtDriver,
):
    """Nova's libvirt driver, with all that libvirt says of a device."""

    _pci_names: frozenset[str] = frozenset()

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self.vif_driver = vif.VifDriver(self._host)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """Look at the devices anew where the host has others than before.

        Nova looks at them once, which takes a call of libvirt a device.
        """
        names = frozenset(self._host.list_pci_devices())
        if names != self._pci_names:
            self._pci_names = names
            self._get_pci_passthrough_devices.cache_clear()
        resources: dict[str, Any] = super().get_available_resource(nodename)
        return resources

    @functools.cache  # noqa: B019  as in Nova, which clears it by this name
    def _get_pci_passthrough_devices(self) -> str:
        """Add what Nova leaves out: the class code of each device.

        :returns: JSON, as the method that it extends
        """
        # Past the cache of Nova: what is to be kept is the result of this.
        look = driver.LibvirtDriver._get_pci_passthrough_devices
        devices = jsonutils.loads(inspect.unwrap(look)(self))
        for device in devices:
            device.update(self._more_properties(device['dev_id']))
        return str(jsonutils.dumps(devices))

    def _more_properties(self, dev_id: str) -> dict[str, Any]:
        xml = self._describe(dev_id)
        found = etree.fromstring(xml).findtext('./capability/class')
        return {'class': found.removeprefix('0x')} if found else {}

    def _describe(self, dev_id: str) -> str:
        return str(self._host.device_lookup_by_name(dev_id).XMLDesc(0))

    def check_pci_ports(
        self, instance: 'objects.Instance', count: int
    ) -> None:
        guest = self._find_guest(instance)
        if guest is None or not guest.is_active():
            return
        free = domain_xml.free_root_ports(guest.get_xml_desc())
        if free is not None and free < count:
            raise exception.PciActionRefused(
                reason=_(
                    'The guest has %(free)d free PCIe root ports, and needs '
                    'one for each of %(count)d devices; [libvirt] '
                    'num_pcie_ports is %(ports)d on its host.'
                )
                % {
                    'free': free,
                    'count': count,
                    'ports': CONF.libvirt.num_pcie_ports,
                }
            )

    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        guest = self._find_guest(instance)
        if guest is None:
            # Nova defines the domain when it starts the server.
            return
        if guest.is_active():
            # One after the other, so not all of them together.
            self._check_iommu_groups(
                devices, domain_xml.hostdev_addresses(guest.get_xml_desc())
            )
        self._check_virtual_functions(devices)
        for device in devices:
            find = functools.partial(self._find_hostdev, guest, device)
            with _not_plugged(device.address):
                # It may be in one of the two already.
                persistent = (
                    bool(guest.has_persistent_configuration())
                    and find(from_persistent_config=True) is None
                )
                live = bool(guest.is_active()) and find() is None
                # libvirt takes neither for the one that is in effect.
                if persistent or live:
                    guest.attach_device(
                        self._get_guest_pci_device(device),
                        persistent=persistent,
                        live=live,
                    )
        self._tell_guest(context, instance)

    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        devices: 'Sequence[objects.PciDevice]',
    ) -> None:
        guest = self._find_guest(instance)
        if guest is None:
            return
        for device in devices:
            # libvirt's call succeeds with the device still in the guest: its
            # event says when it is out.
            with (
                _not_unplugged(device.address),
                contextlib.suppress(nova_exception.DeviceNotFound),
            ):
                self._detach_with_retry(
                    guest,
                    instance.uuid,
                    functools.partial(self._find_hostdev, guest, device),
                    device_name=device.address,
                )
        self._tell_guest(context, instance)

    @staticmethod
    def _detach_sync(
        dev: Any,
        guest: libvirt_guest.Guest,
        instance_uuid: str,
        device_name: str,
        persistent: bool,
        live: bool,
    ) -> None:
        """Name an interface to libvirt by all that its domain says of it.

        :raises nova.exception.DeviceNotFound: if the guest has lost it
        """
        if isinstance(dev, vconfig.LibvirtConfigGuestInterface):
            domain = guest.get_xml_desc(dump_inactive=persistent)
            dev = interfaces.describe(dev, domain)
            if dev is None:
                raise nova_exception.DeviceNotFound(device=device_name)
        driver.LibvirtDriver._detach_sync(
            dev, guest, instance_uuid, device_name, persistent, live
        )

    def attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        guest = self._find_guest(instance)
        if guest is None or not guest.is_active():
            return None
        return domain_xml.hostdev_addresses(guest.get_xml_desc())

    def firmly_attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Leave out what is not in the definition.

        A soft reboot starts the guest by that. Nova takes a device out of it
        first, and leaves it so where the guest keeps the device.
        """
        attached = self.attached_pci(instance)
        guest = self._find_guest(instance)
        if attached is None or guest is None:
            return None
        return attached & domain_xml.hostdev_addresses(
            guest.get_xml_desc(dump_inactive=True)
        )

    def _guest_add_pci_devices(
        self, guest: vconfig.LibvirtConfigGuest, instance: 'objects.Instance'
    ) -> None:
        """Put devices into the description of a guest that is to start."""
        devices = instance.get_pci_devices(
            source=objects.InstancePCIRequest.FLAVOR_ALIAS
        )
        self._check_iommu_groups(
            devices, [device.address for device in devices]
        )
        self._check_virtual_functions(devices)
        super()._guest_add_pci_devices(guest, instance)

    def _check_iommu_groups(
        self,
        devices: 'Sequence[objects.PciDevice]',
        together: Collection[str],
    ) -> None:
        """See that a guest shares no group of devices with the host.

        QEMU refuses such a device too, and does not say what is in its way.

        :param together: the addresses of what the host has let go of by then
        :raises PciDeviceNotPlugged: naming the other devices of a group
        """
        for device in devices:
            conflict = iommu_groups.conflict(
                device.address, {device.address, *together}, self._describe
            )
            if conflict is not None:
                raise exception.PciDeviceNotPlugged(
                    address=device.address, reason=conflict
                )

    def _check_virtual_functions(
        self, devices: 'Sequence[objects.PciDevice]'
    ) -> None:
        """See that no guest loses VFs by a PF that another one gets.

        :raises PciDeviceNotPlugged: naming the VFs and the domain
        """
        for device in devices:
            vfs = physical_functions.virtual_functions(
                self._describe(iommu_groups.node_device(device.address))
            )
            # Few devices have any, and each guest has to be asked for.
            conflict = vfs and physical_functions.conflict(
                vfs, self._running_domains()
            )
            if conflict:
                raise exception.PciDeviceNotPlugged(
                    address=device.address, reason=conflict
                )

    def _running_domains(self) -> Iterator[str]:
        """Give the XML of each domain that runs and does not end meanwhile."""
        libvirt = driver.libvirt
        for guest in self._host.list_guests():
            try:
                yield guest.get_xml_desc()
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise

    def _get_guest_config(
        self,
        instance: 'objects.Instance',
        network_info: Any,
        *args: Any,
        **kwargs: Any,
    ) -> vconfig.LibvirtConfigGuest:
        with teaming.among(network_info):
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
        """Add the devices of PCI flavors to those that Nova tells guests of.

        Nova calls this when it has defined a domain, and when an interface or
        volume with a tag is attached.
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

    def _tell_guest(
        self, context: nova_context.RequestContext, instance: Any
    ) -> None:
        """Record what the metadata service says of devices from now on."""
        try:
            instance.device_metadata = self._build_device_metadata(
                context, instance
            )
            instance.save()
        except Exception:
            LOG.exception(
                'The metadata of devices stays as it was', instance=instance
            )

    def emit_event(self, event: virtevent.InstanceEvent) -> None:
        """Look after a device that is out of a guest, maybe late."""
        super().emit_event(event)
        if isinstance(
            event, libvirtevent.DeviceRemovedEvent
        ) and event.dev.startswith(_HOSTDEV):
            self.pci_removed(event.uuid)

    def _find_guest(
        self, instance: 'objects.Instance'
    ) -> libvirt_guest.Guest | None:
        try:
            return self._host.get_guest(instance)
        except nova_exception.InstanceNotFound:
            return None

    def _find_hostdev(
        self,
        guest: libvirt_guest.Guest,
        device: 'objects.PciDevice',
        from_persistent_config: bool = False,
    ) -> vconfig.LibvirtConfigGuestHostdevPCI | None:
        """Find a device in the XML of a domain.

        Nova's own method takes a domain that cannot be asked for one without
        devices.
        """
        wanted = self._get_guest_pci_device(device)
        found = vconfig.LibvirtConfigGuest()
        found.parse_str(
            guest.get_xml_desc(dump_inactive=from_persistent_config)
        )
        return next((each for each in found.devices if each == wanted), None)


@contextlib.contextmanager
def _not_plugged(address: str) -> Iterator[None]:
    try:
        yield
    except driver.libvirt.libvirtError as error:
        raise exception.PciDeviceNotPlugged(
            address=address, reason=error
        ) from error


@contextlib.contextmanager
def _not_unplugged(address: str) -> Iterator[None]:
    try:
        yield
    except nova_exception.DeviceDetachFailed as error:
        raise exception.PciDeviceNotUnplugged(
            address=address, reason=error.format_message()
        ) from error
    except driver.libvirt.libvirtError as error:
        raise exception.PciDeviceNotUnplugged(
            address=address, reason=error
        ) from error
