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

"""Attach devices to a guest of libvirt, and detach them.

A device can be in the running guest, in its definition, or in both. Each call
changes both, whichever an earlier call left changed. Devices that QEMU would
refuse without a reason are checked first.
"""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import functools
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import guest as libvirt_guest
from oslo_config import cfg

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.matching import addresses
from pci_ext.virt.handlers import base
from pci_ext.virt.libvirt import domain_xml
from pci_ext.virt.libvirt import host_interfaces
from pci_ext.virt.libvirt import iommu_groups
from pci_ext.virt.libvirt import node_devices
from pci_ext.virt.libvirt import physical_functions

CONF = cfg.CONF


class HotplugMixin(base.DeviceHandler):
    """To be mixed in before Nova's libvirt driver.

    The attributes below are those of ``pci_ext.virt.libvirt.driver``.
    """

    _describe: Any
    _detach_with_retry: Any
    _get_guest_pci_device: Any
    _host: Any
    _update_device_metadata: Any

    def check_pci_slots(
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
        self._check_models(devices)
        if guest.is_active():
            # They are attached one by one: each is checked alone.
            self._check_iommu_groups(
                devices, domain_xml.hostdev_addresses(guest.get_xml_desc())
            )
        self._check_virtual_functions(devices)
        for device in devices:
            find = functools.partial(self._find_hostdev, guest, device)
            with _attach_errors(device.address):
                # It may be in one of guest and definition already.
                persistent = (
                    bool(guest.has_persistent_configuration())
                    and find(from_persistent_config=True) is None
                )
                live = bool(guest.is_active()) and find() is None
                # With neither, libvirt would change the one in effect.
                if persistent or live:
                    guest.attach_device(
                        self._get_guest_pci_device(device),
                        persistent=persistent,
                        live=live,
                    )
        self._update_device_metadata(context, instance)

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
            # libvirt's call returns before the guest has released the device:
            # an event follows.
            with (
                _detach_errors(device.address),
                contextlib.suppress(nova_exception.DeviceNotFound),
            ):
                self._detach_with_retry(
                    guest,
                    instance.uuid,
                    functools.partial(self._find_hostdev, guest, device),
                    device_name=device.address,
                )
        self._update_device_metadata(context, instance)

    def attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        guest = self._find_guest(instance)
        if guest is None or not guest.is_active():
            return None
        return domain_xml.hostdev_addresses(guest.get_xml_desc())

    def has_domain(self, instance: 'objects.Instance') -> bool:
        return self._find_guest(instance) is not None

    def all_attached_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        guest = self._find_guest(instance)
        if guest is None or not guest.is_active():
            return None
        xml = guest.get_xml_desc()
        return domain_xml.all_addresses(xml) | self._of_interfaces(xml)

    def _of_interfaces(self, xml: str) -> frozenset[str]:
        """Return the devices that a guest has through an interface."""
        sources = host_interfaces.sources(xml)
        # Few guests have some, and listing the devices takes time.
        if not sources:
            return sources
        libvirt = driver.libvirt
        return host_interfaces.pci_addresses(
            sources,
            [
                device.XMLDesc(0)
                for device in self._host.list_all_devices(
                    flags=libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET
                    | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_VDPA
                )
            ],
        )

    def persistent_pci(
        self, instance: 'objects.Instance'
    ) -> frozenset[str] | None:
        """Return the devices in both the guest and its definition.

        A soft reboot starts the guest by its definition. Nova detaches a
        device from the definition first, even if the guest does not release
        it.
        """
        attached = self.attached_pci(instance)
        guest = self._find_guest(instance)
        if attached is None or guest is None:
            return None
        return attached & domain_xml.hostdev_addresses(
            guest.get_xml_desc(dump_inactive=True)
        )

    def _check_models(self, devices: 'Sequence[objects.PciDevice]') -> None:
        """Check that the devices at their addresses are those on record.

        :raises PciAttachFailed: for the first that is another one, or gone
        """
        for device in devices:
            with _attach_errors(device.address):
                xml = self._describe(
                    addresses.node_device_name(device.address)
                )
            base.check_model(device, node_devices.model_of(xml))

    def _check_iommu_groups(
        self,
        devices: 'Sequence[objects.PciDevice]',
        together: Collection[str],
    ) -> None:
        """Check that the guest and the host share no IOMMU group.

        QEMU refuses such a device too, but does not name the other devices.

        :param together: addresses of the other devices of the guest
        :raises PciAttachFailed: naming the other devices of a group
        """
        for device in devices:
            with _attach_errors(device.address):
                conflict = iommu_groups.conflict(
                    device.address,
                    {device.address, *together},
                    self._describe,
                )
            if conflict is not None:
                raise exception.PciAttachFailed(
                    address=device.address, reason=conflict
                )

    def _check_virtual_functions(
        self, devices: 'Sequence[objects.PciDevice]'
    ) -> None:
        """Check that no guest has a VF of a PF that is attached to another.

        :raises PciAttachFailed: naming the VFs and the domain
        """
        for device in devices:
            with _attach_errors(device.address):
                vfs = physical_functions.virtual_functions(
                    self._describe(addresses.node_device_name(device.address))
                )
                # Few devices have VFs, and listing the domains takes time.
                conflict = vfs and physical_functions.conflict(
                    vfs, self._running_domains()
                )
            if conflict:
                raise exception.PciAttachFailed(
                    address=device.address, reason=conflict
                )

    def _running_domains(self) -> Iterator[str]:
        """Return the XML of the running domains."""
        libvirt = driver.libvirt
        for guest in self._host.list_guests():
            try:
                yield guest.get_xml_desc()
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise

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

        Nova's own method returns none if libvirt fails.
        """
        wanted = self._get_guest_pci_device(device)
        found = vconfig.LibvirtConfigGuest()
        found.parse_str(
            guest.get_xml_desc(dump_inactive=from_persistent_config)
        )
        return next((each for each in found.devices if each == wanted), None)


@contextlib.contextmanager
def _attach_errors(address: str) -> Iterator[None]:
    try:
        yield
    except driver.libvirt.libvirtError as error:
        raise exception.PciAttachFailed(
            address=address, reason=error
        ) from error


@contextlib.contextmanager
def _detach_errors(address: str) -> Iterator[None]:
    try:
        yield
    except nova_exception.DeviceDetachFailed as error:
        raise exception.PciDetachFailed(
            address=address, reason=error.format_message()
        ) from error
    except driver.libvirt.libvirtError as error:
        raise exception.PciDetachFailed(
            address=address, reason=error
        ) from error
