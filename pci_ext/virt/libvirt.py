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

import functools
from typing import Any

from lxml import etree
from nova.virt.libvirt import driver
from oslo_serialization import jsonutils

from pci_ext.virt import mixin


class LibvirtDriver(mixin.PciExtDriverMixin, driver.LibvirtDriver):
    """Nova's libvirt driver, with all that libvirt says of a device."""

    @functools.cache  # noqa: B019  as in Nova, which clears it by this name
    def _get_pci_passthrough_devices(self) -> str:
        """Add what Nova leaves out: the class code of each device.

        :returns: JSON, as the method that it extends
        """
        devices = jsonutils.loads(super()._get_pci_passthrough_devices())
        for device in devices:
            device.update(self._more_properties(device['dev_id']))
        return str(jsonutils.dumps(devices))

    def _more_properties(self, dev_id: str) -> dict[str, Any]:
        xml = self._host.device_lookup_by_name(dev_id).XMLDesc(0)
        found = etree.fromstring(xml).findtext('./capability/class')
        return {'class': found.removeprefix('0x')} if found else {}
