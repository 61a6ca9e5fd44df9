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

"""Makes hosts and request specs for tests of filter and weighers."""

from __future__ import annotations

from typing import Any

from nova import objects
from nova.pci import stats
from nova.scheduler import host_manager
from oslo_utils.fixture import uuidsentinel as uuids

POOL = {
    'vendor_id': '8086',
    'product_id': '0001',
    'numa_node': None,
    'dev_type': 'type-PCI',
    'count': 1,
    'special_attrs': '',
}


def host(name: str, *pools: dict[str, Any]) -> host_manager.HostState:
    """Make a host state; each dict has the changes of a pool to POOL."""
    state = host_manager.HostState(name, name, uuids.cell)
    state.allocation_candidates = [{'mappings': {}}]
    state.pci_stats = stats.PciDeviceStats(
        None,
        objects.PciDevicePoolList(
            objects=[
                objects.PciDevicePool.from_dict(POOL | pool) for pool in pools
            ]
        ),
    )
    return state


def server(*requests: objects.InstancePCIRequest) -> objects.RequestSpec:
    return objects.RequestSpec(
        instance_uuid=uuids.server,
        scheduler_hints={},
        pci_requests=objects.InstancePCIRequests(requests=list(requests)),
    )
