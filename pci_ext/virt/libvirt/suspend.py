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

"""Suspend a guest of libvirt that has PCI devices.

A guest cannot be saved with devices of its host, so Nova detaches them before
and attaches them again when it is resumed. But Nova checks only once, at once,
whether the guest has released them, and a real guest needs time. If it keeps a
device, Nova gives up and leaves the other devices detached.
"""

from collections.abc import Sequence
import contextlib
import functools
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.virt.libvirt import guest as libvirt_guest

Devices = Sequence['objects.PciDevice']


class SuspendMixin:
    """To be mixed in before Nova's libvirt driver.

    The attributes below are those of ``pci_ext.virt.libvirt.driver``.
    """

    attached_pci: Any
    _attach_pci_devices: Any
    _check_models: Any
    _detach_from_live_with_retry: Any
    _drop_untracked: Any
    _find_guest: Any
    _find_hostdev: Any

    def suspend(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Suspend a guest, or attach its devices again.

        :raises nova.exception.InstanceFaultRollback: if the guest does not
            release a device
        """
        self._drop_untracked(instance)
        try:
            super().suspend(context, instance)  # type: ignore[misc]
        except nova_exception.PciDeviceDetachFailed as error:
            self._reattach(instance)
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
        """Resume a guest, and attach its devices.

        :raises PciAttachFailed: for a device that is another one now, or gone
        """
        self._drop_untracked(instance)
        self._check_models(instance.get_pci_devices())
        super().resume(context, instance, *args, **kwargs)  # type: ignore[misc]

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

    def _reattach(self, instance: 'objects.Instance') -> None:
        attached = self.attached_pci(instance)
        if attached is None:
            return
        self._attach_pci_devices(
            self._find_guest(instance),
            [
                device
                for device in instance.get_pci_devices(
                    source=objects.InstancePCIRequest.FLAVOR_ALIAS
                )
                if device.address not in attached
            ],
        )

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
