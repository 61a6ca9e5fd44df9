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

"""Makes devices and requests for tests."""

from __future__ import annotations

from typing import Any

from nova import objects
from nova.objects import fields
from oslo_utils.fixture import uuidsentinel as uuids


def device(address: str, **values: Any) -> objects.PciDevice:
    """Make a free device as Nova makes it from the report of a driver."""
    record = objects.PciDevice.create(
        None,
        {
            'compute_node_id': 1,
            'address': address,
            'vendor_id': '8086',
            'product_id': '0001',
            'dev_type': fields.PciDeviceType.STANDARD,
            'dev_id': 'pci_' + address.replace(':', '_').replace('.', '_'),
            'numa_node': None,
            'parent_addr': None,
            **values,
        },
    )
    record.id = int(address.replace(':', '').replace('.', ''), 16)
    return record


def request(
    count: int, *alternatives: dict[str, str], **values: Any
) -> objects.InstancePCIRequest:
    """Make a request with one PCI flavor for each alternative."""
    return objects.InstancePCIRequest(
        count=count,
        spec=[
            {**alternative, 'pci_flavor': f'flavor{index}'}
            for index, alternative in enumerate(alternatives)
        ],
        alias_name='flavors',
        request_id=values.pop('request_id', uuids.request),
        **values,
    )


def alias(count: int, **spec: str) -> objects.InstancePCIRequest:
    """Make a request by one of Nova's aliases."""
    return objects.InstancePCIRequest(
        count=count, spec=[spec], alias_name='alias', request_id=uuids.alias
    )


def cells(*ids: int) -> list[objects.InstanceNUMACell]:
    """Make the NUMA cells of a guest, by the ids of the host nodes."""
    return [objects.InstanceNUMACell(id=cell) for cell in ids]
