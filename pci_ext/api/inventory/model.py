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

"""Pools and devices, as read from the databases of cells."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any
import uuid

from nova.objects import fields
from oslo_serialization import jsonutils

from pci_ext import server_state
from pci_ext.matching import grouping
from pci_ext.objects import pci_device
from pci_ext.objects import pci_pool

# Namespace of the uuids of pools: Nova assigns none.
_POOLS = uuid.UUID('5c5a1d6e-3f7e-4b0e-9d53-2f2b86f0a9c1')

#: Statuses of devices in use.
IN_USE = frozenset(
    (fields.PciDeviceStatus.CLAIMED, fields.PciDeviceStatus.ALLOCATED)
)


@dataclasses.dataclass(frozen=True)
class Pool:
    """A pool.

    :ivar node_uuid: uuid of the compute node
    :ivar host: name of the host
    :ivar reported: as the host reports it, with its ``count``
    """

    node_uuid: str
    host: str
    reported: Mapping[str, Any]

    @functools.cached_property
    def uuid(self) -> str:
        """Constant while the host groups by the same keys."""
        properties = sorted(self.properties.items())
        return str(
            uuid.uuid5(_POOLS, jsonutils.dumps([self.node_uuid, properties]))
        )

    @property
    def count(self) -> int:
        return int(self.reported['count'])

    @property
    def properties(self) -> dict[str, str]:
        return grouping.properties_of(self.reported)

    def as_object(self) -> pci_pool.PciPool:
        return pci_pool.PciPool(
            host=self.host, properties=self.properties, count=self.count
        )


@dataclasses.dataclass(frozen=True)
class Device:
    """A device.

    :ivar row: its record in Nova's database
    :ivar host: name of its host
    :ivar properties: recorded properties that devices can be selected by
    :ivar pool: properties of its pool, or of its last one
    """

    row: Any
    host: str
    properties: Mapping[str, str]
    pool: Mapping[str, str]

    @property
    def attributes(self) -> dict[str, str]:
        return {
            key: value
            for key, value in self.properties.items()
            if key.startswith(grouping.ATTRIBUTE_PREFIX)
        }

    @property
    def withdrawn(self) -> bool:
        """True if the host offers the device no more, but a server has it."""
        return server_state.WITHDRAWN in self.properties

    def as_object(self) -> pci_device.PciDevice:
        row = self.row
        return pci_device.PciDevice(
            uuid=row.uuid,
            dev_id=row.dev_id or '',
            address=row.address,
            vendor_id=row.vendor_id,
            product_id=row.product_id,
            dev_type=row.dev_type,
            numa_node=row.numa_node,
            parent_addr=row.parent_addr,
            status=row.status,
            server_uuid=row.instance_uuid,
            host=self.host,
            attributes=self.attributes,
        )


@dataclasses.dataclass(frozen=True)
class DeviceGroup:
    """Devices of one pool of a host, with one status.

    :ivar host: name of the host
    :ivar pool: properties of the pool, present or former
    :ivar status: one of Nova's PciDeviceStatus
    :ivar number: of devices
    """

    host: str
    pool: Mapping[str, str]
    status: str
    number: int


#: The name of the host and the pools, by the id of the compute node.
Nodes = dict[int, tuple[str, list[Pool]]]


#: The name of the host and the pools of each compute node.
Hosts = list[tuple[str, list[Pool]]]


@dataclasses.dataclass(frozen=True)
class Pools:
    """Pools of all cells.

    :ivar hosts: in no order
    :ivar cells_down: uuids of the cells that did not answer
    """

    hosts: Hosts
    cells_down: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Devices:
    """Devices of all cells.

    :ivar devices: in no order
    :ivar cells_down: uuids of the cells that did not answer
    """

    devices: list[Device]
    cells_down: tuple[str, ...]
