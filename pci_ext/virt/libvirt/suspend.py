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

"""Suspend and resume a guest of libvirt that has PCI devices.

A guest cannot be saved with devices of its host, so Nova detaches them before
and attaches them again when it is resumed. But Nova checks only once, at once,
whether the guest has released them, and a real guest needs time. If the
suspend fails, or a device cannot be attached in the resume, Nova leaves the
guest running without devices, and sets the server to the state error.
"""

from collections.abc import Sequence
import contextlib
import functools
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.network import model
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import guest as libvirt_guest
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.i18n import _
from pci_ext.virt.libvirt import domain_xml
from pci_ext.virt.libvirt import guest_interfaces

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

Devices = Sequence['objects.PciDevice']


class SuspendMixin:
    """To be mixed in before Nova's libvirt driver.

    The attributes below are those of ``pci_ext.virt.libvirt.driver``.
    """

    attach_pci: Any
    attached_pci: Any
    vif_driver: Any
    _attach_mediated_devices: Any
    _check_models: Any
    _detach_from_live_with_retry: Any
    _drop_untracked: Any
    _find_guest: Any
    _find_hostdev: Any
    _get_mdevs_from_guest_config: Any
    _heal_soon: Any
    _prepare_devices: Any
    _reattach_later: Any

    def suspend(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Suspend a guest, or attach its devices again.

        :raises nova.exception.InstanceFaultRollback: if the guest still runs
        """
        try:
            self._drop_untracked(instance)
            super().suspend(context, instance)  # type: ignore[misc]
        except Exception as error:
            if not self._put_back(context, instance) or isinstance(
                error, nova_exception.InstanceFaultRollback
            ):
                raise
            # With any other error Nova sets the server to the state error.
            raise nova_exception.InstanceFaultRollback(
                inner_exception=error
            ) from error

    def resume(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Resume a guest, and attach its devices, some of them later.

        :raises PciAttachFailed: for a device that is another one now, or gone
        """
        self._prepare_devices(instance)
        self._check_models(instance.get_pci_devices())
        super().resume(context, instance, *args, **kwargs)  # type: ignore[misc]
        self._reattach_missing(context, instance)

    def snapshot(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Make an image; Nova may suspend and resume the guest for it."""
        self._drop_untracked(instance)
        super().snapshot(context, instance, *args, **kwargs)  # type: ignore[misc]
        self._reattach_missing(context, instance)

    def _resume_guest_after_snapshot(
        self,
        context: nova_context.RequestContext,
        live_snapshot: bool,
        original_power_state: int,
        instance: 'objects.Instance',
        guest: libvirt_guest.Guest,
    ) -> None:
        """Leave out the devices that the guest was to release."""
        self._prepare_devices(instance)
        super()._resume_guest_after_snapshot(  # type: ignore[misc]
            context, live_snapshot, original_power_state, instance, guest
        )

    def _put_back(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> bool:
        """Attach what was detached for a suspend that has failed.

        A failure is logged, and healed: the error of the suspend is the one
        to raise.

        :returns: whether the guest still runs
        """
        try:
            missing = self._missing(instance)
            if missing is None:
                return False
            errors = {}
            for device in missing:
                try:
                    self.attach_pci(context, instance, [device])
                except exception.PciAttachFailed as error:
                    errors[device.address] = error.format_message()
            self._reattach_later(context, instance, errors)
            self._put_back_ports(instance)
            self._put_back_mediated_devices(instance)
        except Exception:
            LOG.exception(
                'Not all devices of a guest that was not suspended were '
                'attached again',
                instance=instance,
            )
            self._heal_soon(instance)
        return True

    def _put_back_ports(self, instance: 'objects.Instance') -> None:
        guest = self._find_guest(instance)
        for vif in instance.info_cache.network_info or ():
            if vif['vnic_type'] not in model.VNIC_TYPES_DIRECT_PASSTHROUGH:
                continue
            config = self.vif_driver.get_config(
                instance,
                vif,
                instance.image_meta,
                instance.flavor,
                CONF.libvirt.virt_type,
            )
            live, persistent = (
                not _has(guest.get_xml_desc(dump_inactive=inactive), config)
                for inactive in (False, True)
            )
            if live or persistent:
                # Nova unplugs a port even if the guest does not release it.
                self.vif_driver.plug(instance, vif)
                guest.attach_device(config, persistent=persistent, live=live)

    def _put_back_mediated_devices(self, instance: 'objects.Instance') -> None:
        guest = self._find_guest(instance)
        in_guest, in_definition = (
            {
                device.uuid: device
                for device in self._get_mdevs_from_guest_config(
                    guest.get_xml_desc(dump_inactive=inactive)
                )
            }
            for inactive in (False, True)
        )
        self._attach_mediated_devices(
            guest,
            [
                device
                for uuid, device in in_definition.items()
                if uuid not in in_guest
            ],
        )

    def _missing(
        self, instance: 'objects.Instance'
    ) -> 'list[objects.PciDevice] | None':
        """Return the devices that the guest lacks; None if it does not run.

        What the guest was to release is not given back to it.
        """
        attached = self.attached_pci(instance)
        if attached is None:
            return None
        devices = instance.get_pci_devices(
            source=objects.InstancePCIRequest.FLAVOR_ALIAS
        )
        pending = server_state.pending_detach(instance, devices)
        return [
            device
            for device in devices
            if device.address not in attached.union(pending)
        ]

    def _reattach_missing(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Let devices that could not be attached be tried again."""
        self._reattach_later(
            context,
            instance,
            {
                device.address: exception.PciAttachFailed(
                    address=device.address,
                    reason=_('the guest was resumed without it'),
                ).format_message()
                for device in self._missing(instance) or ()
            },
        )

    def _attach_pci_devices(
        self, guest: libvirt_guest.Guest, pci_devs: Devices
    ) -> None:
        """Attach devices to a guest that was resumed, as many as possible.

        Nova stops at the first failure.
        """
        for device in pci_devs:
            # Nova logs the error.
            with contextlib.suppress(driver.libvirt.libvirtError):
                super()._attach_pci_devices(guest, [device])  # type: ignore[misc]

    def _detach_pci_devices(
        self, guest: libvirt_guest.Guest, pci_devs: Devices
    ) -> None:
        """Detach devices from a running guest, and wait for their release.

        They stay in its definition, by which it is resumed.
        """
        for device in pci_devs:
            find = functools.partial(self._find_hostdev, guest, device)
            found = find()
            if found is None:
                continue
            try:
                # The guest may release it between two attempts.
                with contextlib.suppress(nova_exception.DeviceNotFound):
                    self._detach_from_live_with_retry(
                        guest, guest.uuid, found, find, device.address
                    )
            except nova_exception.DeviceDetachFailed as error:
                raise nova_exception.PciDeviceDetachFailed(
                    dev=device.address, reason=error.format_message()
                ) from error


def _has(xml: str, config: Any) -> bool:
    """Return whether a domain has the device of a port.

    :param xml: libvirt's description of the domain
    """
    if isinstance(config, vconfig.LibvirtConfigGuestHostdevPCI):
        return domain_xml.address(
            config.format_dom().find('source/address')
        ) in domain_xml.hostdev_addresses(xml)
    return guest_interfaces.find(config, xml) is not None
