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

"""Guests that only support hot plugging."""

from collections.abc import Sequence
import shutil
from typing import Any

import libvirt
from nova import objects
from oslo_utils import uuidutils

from pci_ext.virt.libvirt import domain_xml

#: A boot sector that acknowledges ACPI's requests to eject a device.
EJECT = '/out/eject.img'

#: Instructions that switch off interrupts, and halt.
_HALT = b'\xfa\xf4\xeb\xfd'

_DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/><apic/></features>
  <cpu mode='maximum'/>
  <devices>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    {disk}
    {devices}
  </devices>
</domain>
"""

_DISK = """\
<disk type='file' device='disk'>
  <driver name='qemu' type='raw'/>
  <source file='{path}'/>
  <target dev='sda' bus='sata'/>
</disk>
"""


def boot_sector(unresponsive: bool) -> bytes:
    """Return the image of a guest.

    :param unresponsive: whether it ignores requests to eject a device
    """
    with open(EJECT, 'rb') as stream:
        content = stream.read()
    return _HALT + content[len(_HALT) :] if unresponsive else content


class Guest:
    """A guest of libvirt.

    :param connection: to libvirt
    :param unresponsive: whether it ignores requests to eject a device
    """

    def __init__(self, connection: Any, unresponsive: bool) -> None:
        self._connection = connection
        self._unresponsive = unresponsive
        self.instance = objects.Instance(uuid=uuidutils.generate_uuid())
        self.name = f'guest-{self.instance.uuid}'

    def start(self, devices: Sequence[str] = ()) -> None:
        """Start the guest.

        :param devices: the XML of its devices
        :raises libvirt.libvirtError: if the guest does not start
        """
        disk = ''
        if not self._unresponsive:
            # Two guests cannot lock the same disk image.
            path = f'/dev/shm/{self.instance.uuid}'
            shutil.copy(EJECT, path)
            disk = _DISK.format(path=path)
        self._connection.createXML(
            _DOMAIN.format(
                name=self.name,
                uuid=self.instance.uuid,
                disk=disk,
                devices=''.join(devices),
            )
        )

    def domain(self) -> Any:
        return self._connection.lookupByUUIDString(self.instance.uuid)

    def devices(self) -> frozenset[str]:
        """Return the addresses of the devices in the live XML."""
        return domain_xml.hostdev_addresses(self.domain().XMLDesc(0))

    def destroy(self) -> None:
        """Destroy the guest, if it runs."""
        try:
            self.domain().destroy()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
