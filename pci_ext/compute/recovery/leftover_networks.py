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

"""Remove the networks of ports that could not be removed with their port.

A network stays as long as its device is claimed or allocated on this host for
the server of the port.
"""

from oslo_log import log as logging

from pci_ext.claims import tracker
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute

LOG = logging.getLogger(__name__)


def remove(compute: nova_compute.ComputeManager) -> None:
    """Remove the networks whose device is not claimed for their server.

    Nova has to have scanned the devices. A network is made after its device
    was claimed, so the networks are listed before the claims.
    """
    networks = compute.driver.port_networks()
    claimed = {
        (device.instance_uuid, device.address)
        for device in instance_devices.tracked_devices(compute.rt)
        if device.status in tracker.IN_USE
    }
    for name, owner in networks.items():
        if owner not in claimed:
            LOG.info('Removing the leftover network %s', name)
            try:
                compute.driver.remove_port_network(name)
            except Exception:
                LOG.exception('Network %s could not be removed', name)
