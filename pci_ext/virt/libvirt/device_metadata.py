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

"""The PCI devices in the device metadata of a server."""

from collections.abc import Iterator
from collections.abc import Mapping

from nova import objects

from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.matching import compiled_requests
from pci_ext.requests import compiler
from pci_ext.requests import instance_requests


def describe(
    rt: nova_compute.ResourceTracker,
    instance: 'objects.Instance',
    addresses: Mapping[str, str],
) -> 'Iterator[objects.DeviceMetadata]':
    """Describe the devices that were requested by PCI flavor or by name.

    A device is tagged with its PCI flavor, of alternatives the one that was
    assigned, or with the name that it was requested by.

    :param addresses: by address on the host, the address in the guest
    """
    requests = {
        request.request_id: request
        for request in instance_requests.list_requests(instance)
    }
    for device in instance_devices.get_devices(rt, instance):
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
    # Nova describes the interfaces of ports itself.
    if request is None or instance_requests.is_for_port(request):
        return None
    if not compiler.any_by_pci_flavor([request]):
        return None
    assigned = 0
    if len(request.spec) > 1:
        pool = instance_devices.pool_keys(rt, device)
        [steps] = compiler.compile_requests([request]).pool_costs(pool)
        if steps is None:
            return None
        assigned = steps
    alternative = request.spec[assigned]
    name = alternative.get(compiled_requests.PCI_FLAVOR) or alternative.get(
        compiled_requests.PCI_NAME
    )
    return None if name is None else str(name)
