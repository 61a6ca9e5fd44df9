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

"""Seam: what servers are told of their PCI devices.

The metadata service and the config drive of Nova tell of network interfaces,
disks and shares that have tags, and leave out every other device.
"""

from typing import Any

from nova import objects
from nova.api.metadata import base

from pci_ext.activation import seam


class InstanceMetadata(base.InstanceMetadata):
    def _get_device_metadata(self, version: str) -> list[dict[str, Any]]:
        """Add devices that are nothing to Nova but devices."""
        told = super()._get_device_metadata(version)
        metadata = self.instance.device_metadata
        for device in metadata.devices if metadata is not None else ():
            # Not the subclasses: those are Nova's own kinds.
            if type(device) is objects.DeviceMetadata:
                told.append(
                    {
                        'type': 'pci',
                        'bus': 'pci',
                        'address': device.bus.address,
                        'tags': list(device.tags),
                    }
                )
        return told


SEAM = seam.Seam(
    module='nova.api.metadata.base',
    name='InstanceMetadata',
    replacement=InstanceMetadata,
    signatures={'_get_device_metadata': ('self', 'version')},
)
