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

"""Seam: PCI devices in the metadata of a server.

Nova's metadata service and config drive list tagged network interfaces, disks
and shares only.
"""

from typing import Any

from nova import objects
from nova.api.metadata import base

from pci_ext.activation import seam


class InstanceMetadata(base.InstanceMetadata):
    def _get_device_metadata(self, version: str) -> list[dict[str, Any]]:
        """Add the PCI devices."""
        described = super()._get_device_metadata(version)
        metadata = self.instance.device_metadata
        for device in metadata.devices if metadata is not None else ():
            # Nova's own kinds are subclasses.
            if type(device) is objects.DeviceMetadata:
                described.append(
                    {
                        'type': 'pci',
                        'bus': 'pci',
                        'address': device.bus.address,
                        'tags': list(device.tags),
                    }
                )
        return described


SEAM = seam.Seam(
    module='nova.api.metadata.base',
    name='InstanceMetadata',
    replacement=InstanceMetadata,
    signatures={'_get_device_metadata': ('self', 'version')},
)
