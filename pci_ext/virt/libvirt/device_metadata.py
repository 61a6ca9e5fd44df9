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

"""What the guest of a server is to be told of its PCI devices."""

from collections.abc import Iterator
from collections.abc import Mapping

from nova import objects

from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.matching import compiled_requests
from pci_ext.requests import compiler


def describe(
    rt: nova_compute.ResourceTracker,
    instance: 'objects.Instance',
    addresses: Mapping[str, str],
) -> 'Iterator[objects.DeviceMetadata]':
    """Describe the devices that a server has by PCI flavor or by name.

    A device is tagged with the PCI flavor that it was had for, of alternatives
    the one that won, or with the name it was asked for by.

    :param addresses: those of devices in the guest, by those on the host
    """
    requests = {
        request.request_id: request
        for request in instance_devices.requests_of(instance)
    }
    for device in instance_devices.devices_of(rt, instance):
        name = _name_of(rt, device, requests.get(device.request_id))
        if name is not None and device.address in addresses:
            yield objects.DeviceMetadata(
                bus=objects.PCIDeviceBus(address=addresses[device.address]),
                tags=[name],
            )


def _name_of(
    rt: nova_compute.ResourceTracker,
    device: 'objects.PciDevice',
    request: 'objects.InstancePCIRequest | None',
) -> str | None:
    # Ports are interfaces to Nova, which tells of those itself.
    if (
        request is None
        or request.source == objects.InstancePCIRequest.NEUTRON_PORT
    ):
        return None
    if not compiler.asks_for_pci_flavors([request]):
        return None
    won = 0
    if len(request.spec) > 1:
        pool = instance_devices.pool_keys(rt, device)
        price = compiler.compile_requests([request]).prices(pool)[0]
        if price is None:
            return None
        won = price
    alternative = request.spec[won]
    name = alternative.get(compiled_requests.PCI_FLAVOR) or alternative.get(
        compiled_requests.PCI_NAME
    )
    return None if name is None else str(name)
