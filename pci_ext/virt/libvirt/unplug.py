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

"""Ask a running guest of libvirt to release a device."""

import time
from typing import Any

from nova import exception as nova_exception
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver
from nova.virt.libvirt import guest as libvirt_guest
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext.virt.libvirt import guest_interfaces

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: In the errors with which QEMU refuses an unplug for the moment: the guest
#: turns the power of the slot on or off, as in the seconds after a plug
#: (hw/pci/pcie.c and shpc.c), or has not answered an earlier request yet.
_TEMPORARY = ('guest is busy', 'already in the process of unplug')

#: Seconds between two requests that QEMU refuses.
_INTERVAL = 1


class UnplugMixin:
    """To be mixed in before Nova's libvirt driver."""

    def _detach_from_live_and_wait_for_event(
        self,
        dev: Any,
        guest: libvirt_guest.Guest,
        instance_uuid: str,
        device_name: str,
    ) -> None:
        """Make an attempt to detach a device from a running guest.

        An attempt takes ``[libvirt] device_detach_timeout`` at most. If QEMU
        still refuses then, it has failed, as if the guest had not answered:
        Nova makes the next.
        """
        deadline = time.monotonic() + CONF.libvirt.device_detach_timeout
        while True:
            try:
                super()._detach_from_live_and_wait_for_event(  # type: ignore[misc]
                    dev, guest, instance_uuid, device_name
                )
                return
            except driver.libvirt.libvirtError as error:
                if not _is_temporary(error):
                    raise
                LOG.info(
                    'Device %(device)s cannot be detached yet: %(error)s',
                    {'device': device_name, 'error': error},
                    instance_uuid=instance_uuid,
                )
            if time.monotonic() >= deadline:
                return
            time.sleep(_INTERVAL)

    @staticmethod
    def _detach_sync(
        dev: Any,
        guest: libvirt_guest.Guest,
        instance_uuid: str,
        device_name: str,
        persistent: bool,
        live: bool,
    ) -> None:
        """Detach an interface by its XML in the domain.

        :raises nova.exception.DeviceNotFound: if it is detached already
        """
        if isinstance(dev, vconfig.LibvirtConfigGuestInterface):
            domain = guest.get_xml_desc(dump_inactive=persistent)
            dev = guest_interfaces.find(dev, domain)
            if dev is None:
                raise nova_exception.DeviceNotFound(device=device_name)
        driver.LibvirtDriver._detach_sync(
            dev, guest, instance_uuid, device_name, persistent, live
        )


def _is_temporary(error: Any) -> bool:
    message = error.get_error_message() or ''
    return any(text in message for text in _TEMPORARY)
