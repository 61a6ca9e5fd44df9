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

"""Plug devices into a guest of libvirt, and out of it.

A device can be in the guest that runs, in the definition by which it starts,
or in both; each call brings both to what is wanted, whatever an earlier one
left. What QEMU would refuse without saying why is looked at first.
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
from pci_ext.virt.handlers import base
from pci_ext.virt.libvirt import domain_xml
from pci_ext.virt.libvirt import guest_interfaces
from pci_ext.virt.libvirt import iommu_groups
from pci_ext.virt.libvirt import physical_functions

CONF = cfg.CONF


class HotplugMixin(base.DeviceHandler):
    """To be mixed in before Nova's libvirt driver.

    What it needs beyond that is in ``pci_ext.virt.libvirt.driver``.
    """

    _describe: Any
    _detach_with_retry: Any
    _get_guest_pci_device: Any
    _host: Any
    _tell_guest: Any

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
            dev = guest_interfaces.describe(dev, domain)
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

    def persistent_pci(
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
