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

"""The devices of a simulated host."""

from collections.abc import Iterable
import os
from typing import Any

from nova import objects
from oslo_config import cfg

from pci_ext import exception
from pci_ext.virt.fake import hardware
from pci_ext.virt.handlers import base

CONF = cfg.CONF


class Inventory:
    """The devices of a host, read again when the hardware file changes.

    :param host: its name in the file
    :raises InvalidHardware: if there is no such file or host, or the file
        does not parse
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._devices: list[dict[str, Any]] = []
        self._modified: int | None = None
        self._read()

    def _read(self) -> None:
        path = CONF.pci_ext.fake_hardware
        if not path:
            return
        try:
            modified = os.stat(path).st_mtime_ns
        except OSError:
            # Reading the file raises the error.
            modified = None
        if modified is not None and modified == self._modified:
            return
        hosts = hardware.load(path)
        if self._host not in hosts:
            raise exception.InvalidHardware(
                path=path,
                reason=f'it has no host {self._host}, only '
                f'{", ".join(sorted(hosts))}',
            )
        self._devices = hosts[self._host]
        self._modified = modified

    def devices(self) -> list[dict[str, Any]]:
        """Return the devices, as Nova's libvirt driver reports them.

        :raises InvalidHardware: as the constructor
        """
        self._read()
        return self._devices

    def model_of(self, address: str) -> tuple[str, str] | None:
        """Return the vendor id and the product id of a device.

        :returns: None if the host does not have it
        :raises InvalidHardware: as the constructor
        """
        for device in self.devices():
            if device['address'] == address:
                return device['vendor_id'], device['product_id']
        return None

    def has(self, address: str) -> bool:
        """Return whether the host has a device; any without a file.

        :raises InvalidHardware: as the constructor
        """
        return (
            not CONF.pci_ext.fake_hardware
            or self.model_of(address) is not None
        )

    def check_models(self, devices: 'Iterable[objects.PciDevice]') -> None:
        """Check that the hardware has the devices on record.

        :raises PciAttachFailed: for the first that is another one, or gone
        """
        if not CONF.pci_ext.fake_hardware:
            return
        for device in devices:
            found = self.model_of(device.address)
            if found is None:
                raise exception.PciAttachFailed(
                    address=device.address, reason='the host does not have it.'
                )
            base.check_model(device, found)
