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
"""Pairs of ports, of which one takes over while the other has no device.

The failover driver of the guest makes one interface of two with the same MAC
address: a virtio interface, which is always there, and a virtual function,
which goes away with a migration (libvirt, "Teaming a virtio/hostdev NIC
pair"). So ports of a server are a pair if they have the same MAC address; a
property of the image says that the guest has such a driver.
"""

from collections import defaultdict
import contextlib
from typing import Any

from nova import objects
from nova.network import model
from oslo_utils import strutils

from pci_ext.requests import call_arguments

#: Property of the image of a guest with a failover driver. Nova keeps with the
#: server also those properties that it does not know.
IMAGE_PROPERTY = 'hw_pci_teaming'


def for_ports(network_info: Any) -> contextlib.AbstractContextManager[None]:
    """Find pairs among these ports in this thread.

    The cache of a server that is being started may not have them yet.
    """
    return call_arguments.passing(network_info=network_info)


def pairs(instance: 'objects.Instance') -> dict[str, str]:
    """Find the pairs among the ports of a server.

    :param instance: with its system metadata and information of its networks
    :returns: by the id of the port with a virtual function, the id of the
        virtio port that takes over for it
    """
    if not strutils.bool_from_string(
        instance.system_metadata.get(f'image_{IMAGE_PROPERTY}', '')
    ):
        return {}
    by_mac: dict[str, dict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    known = call_arguments.current().network_info
    for vif in instance.get_network_info() if known is None else known:
        by_mac[vif['address']][vif['vnic_type']].append(vif['id'])
    found = {}
    for ports in by_mac.values():
        device = ports.pop(model.VNIC_TYPE_DIRECT, [])
        standby = ports.pop(model.VNIC_TYPE_NORMAL, [])
        # Three of one address are no pair.
        if len(device) == len(standby) == 1 and not ports:
            found[device[0]] = standby[0]
    return found
