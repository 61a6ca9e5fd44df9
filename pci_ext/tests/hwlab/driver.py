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

"""The driver for hosts that share one machine.

Each host has its own libvirt. All devices belong to one kernel; each host
reports some of them.
"""

import json
import os
from typing import Any

import libvirt as libvirt_python
from oslo_serialization import jsonutils

from pci_ext.virt.libvirt import driver

#: The environment variable with the properties of each host, in JSON: by name
#: of the host, the "uri" of its libvirt, and in "hidden" the addresses of the
#: devices of other hosts.
HOSTS = 'PCI_EXT_HWLAB_HOSTS'


class LabDriver(driver.LibvirtDriver):
    """The driver of pci_ext, for one of several hosts in one process."""

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        properties = json.loads(os.environ[HOSTS])[virtapi._compute.host]
        self._hidden = frozenset(properties['hidden'])
        self._uri = lambda: properties['uri']
        super().__init__(virtapi, read_only)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        resources = super().get_available_resource(nodename)
        devices = [
            device
            for device in jsonutils.loads(resources['pci_passthrough_devices'])
            if device['address'] not in self._hidden
        ]
        resources['pci_passthrough_devices'] = jsonutils.dumps(devices)
        return resources

    def _parse_migration_flags(self) -> None:
        super()._parse_migration_flags()
        # libvirt does not know that the hosts share their disks.
        self._live_migration_flags |= libvirt_python.VIR_MIGRATE_UNSAFE
