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

"""The parts of Nova's compute manager that operations use."""

from collections.abc import Iterable
from typing import Any
from typing import Protocol

from nova import context as nova_context
from nova import objects

from pci_ext.claims import tracker
from pci_ext.virt.handlers import base


class ResourceTracker(Protocol):
    """Nova's resource tracker, with pci_ext's seam.

    :ivar host: the name of the host
    :ivar pci_tracker: None until Nova has scanned the devices of the host
    """

    host: str
    pci_tracker: tracker.PciDevTracker | None

    def claim_pci_devices(
        self,
        context: nova_context.RequestContext,
        pci_requests: 'objects.InstancePCIRequests',
        instance_numa_topology: 'objects.InstanceNUMATopology | None',
    ) -> 'list[objects.PciDevice]': ...

    def free_pci_devices(
        self,
        context: nova_context.RequestContext,
        devices: 'Iterable[objects.PciDevice]',
        instance: 'objects.Instance',
    ) -> None: ...

    def allocate_pci_devices_for_instance(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None: ...

    def release_pci_claims(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migration_id: int | None = None,
    ) -> None: ...

    def update_usage(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        nodename: str,
    ) -> None: ...


class ComputeManager(Protocol):
    """Nova's compute manager, with a compute driver of pci_ext.

    :ivar host: the name of the host
    :ivar network_api: Nova's client of Neutron
    :ivar additional_endpoints: served with Nova's own RPC endpoint
    """

    host: str
    driver: base.DeviceHandler
    network_api: Any
    rt: ResourceTracker
    additional_endpoints: list[Any]

    def update_available_resource(
        self, context: nova_context.RequestContext
    ) -> None: ...

    def add_periodic_task(self, task: Any) -> None: ...
