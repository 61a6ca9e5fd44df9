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

"""The pools and devices of all hosts, read where Nova keeps them.

All cells are read at the same time, each with one query a table, whatever the
number of hosts and devices. What PCI flavors find of the devices is worked out
here once for each kind of device of a host.
"""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
from typing import Any
import uuid

from nova import context as nova_context
from nova.db.main import api as db_api
from nova.db.main import models
from nova.objects import fields
from oslo_serialization import jsonutils
import sqlalchemy as sa

from pci_ext.integration import reported
from pci_ext.matching import grouping
from pci_ext.matching import pools as matching_pools
from pci_ext.matching import requirements
from pci_ext.objects import pci_device
from pci_ext.objects import pci_pool

#: The statuses of devices that are in somebody's use.
IN_USE = frozenset(
    (fields.PciDeviceStatus.CLAIMED, fields.PciDeviceStatus.ALLOCATED)
)

_FREE = fields.PciDeviceStatus.AVAILABLE

# The uuids of pools are made in it: Nova gives pools none.
_POOLS = uuid.UUID('5c5a1d6e-3f7e-4b0e-9d53-2f2b86f0a9c1')


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which devices to read; all that is given has to be so.

    :ivar uuid: of the device
    :ivar host: name of the host
    :ivar status: in Nova's words
    :ivar server_uuid: of the server that has them, on the host where it is:
        in a resize or migration it holds devices on two
    """

    uuid: str | None = None
    host: str | None = None
    status: str | None = None
    server_uuid: str | None = None

    def __contains__(self, row: Any) -> bool:
        return (
            self.uuid in (None, row.uuid)
            and self.status in (None, row.status)
            and self.server_uuid in (None, row.instance_uuid)
        )


@dataclasses.dataclass(frozen=True)
class Pool:
    """A pool.

    :ivar uuid: stays the same while the host groups its devices so
    :ivar host: name of the host
    :ivar reported: as the host reports it, with its ``count``
    """

    uuid: str
    host: str
    reported: Mapping[str, Any]

    @property
    def count(self) -> int:
        return int(self.reported['count'])

    @property
    def properties(self) -> dict[str, str]:
        return matching_pools.properties_of(self.reported)

    def as_object(self) -> pci_pool.PciPool:
        return pci_pool.PciPool(
            host=self.host, properties=self.properties, count=self.count
        )


@dataclasses.dataclass(frozen=True)
class Device:
    """A device.

    :ivar row: its record in Nova's database
    :ivar host: name of its host
    :ivar properties: those on record by which devices can be selected
    :ivar pool: properties of the pool it is in, or was
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
            if key.startswith(matching_pools.ATTRIBUTE_PREFIX)
        }

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
class Pools:
    """What was read of pools.

    :ivar hosts: each compute node by the name of its host, with its pools
    :ivar cells_down: uuids of the cells that did not answer
    """

    hosts: list[tuple[str, list[Pool]]]
    cells_down: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Devices:
    """What was read of devices.

    :ivar devices: in no order
    :ivar cells_down: uuids of the cells that did not answer
    """

    devices: list[Device]
    cells_down: tuple[str, ...]


def read_pools(
    context: nova_context.RequestContext, host: str | None = None
) -> Pools:
    """Read the pools of all hosts, or of one."""
    results = nova_context.scatter_gather_skip_cell0(
        context, _pools_in_cell, Wanted(host=host)
    )
    answers, cells_down = _sort_out(results)
    return Pools(
        [node for nodes in answers for node in nodes.values()], cells_down
    )


def read_devices(
    context: nova_context.RequestContext, wanted: Wanted
) -> Devices:
    """Read devices of all cells."""
    results = nova_context.scatter_gather_skip_cell0(
        context, devices_in_cell, wanted
    )
    answers, cells_down = _sort_out(results)
    return Devices(
        [device for devices in answers for device in devices], cells_down
    )


def _sort_out(
    results: Mapping[str, Any],
) -> tuple[list[Any], tuple[str, ...]]:
    answers = []
    down = []
    for cell_uuid, result in results.items():
        if nova_context.is_cell_failure_sentinel(result):
            down.append(cell_uuid)
        else:
            answers.append(result)
    return answers, tuple(sorted(down))


@db_api.pick_context_manager_reader
def _pools_in_cell(
    context: nova_context.RequestContext, wanted: Wanted
) -> dict[int, tuple[str, list[Pool]]]:
    return _nodes(context, wanted)


@db_api.pick_context_manager_reader
def devices_in_cell(
    context: nova_context.RequestContext, wanted: Wanted
) -> list[Device]:
    """Read devices of the cell that the context is targeted at."""
    nodes = _nodes(context, wanted)
    rows = _rows(context, wanted)
    of_node: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        of_node[row.compute_node_id].append(row)
    special = {
        key
        for _, pools in nodes.values()
        for pool in pools
        for key in str(
            pool.reported.get(requirements.SPECIAL_ATTRS) or ''
        ).split(',')
        if key
    }
    parse = _Parser()
    return [
        device
        for node_id, of_one in of_node.items()
        if node_id in nodes
        for device in _devices_of_node(
            *nodes[node_id], of_one, special, wanted, parse
        )
    ]


def _nodes(
    context: nova_context.RequestContext, wanted: Wanted
) -> dict[int, tuple[str, list[Pool]]]:
    """Give by compute node the name of its host and its pools."""
    node = models.ComputeNode
    query = context.session.query(
        node.id, node.uuid, node.host, node.pci_stats
    ).filter(node.deleted == 0)
    for condition in _of_nodes(wanted):
        query = query.filter(condition)
    return {
        row.id: (
            row.host,
            [
                Pool(_uuid_of(row.uuid, pool), row.host, pool)
                for pool in reported.pools_of(row.pci_stats)
            ]
            if row.pci_stats
            else [],
        )
        for row in query
        if row.host is not None
    }


def _uuid_of(node_uuid: str, pool: Mapping[str, Any]) -> str:
    properties = sorted(matching_pools.properties_of(pool).items())
    return str(uuid.uuid5(_POOLS, jsonutils.dumps([node_uuid, properties])))


def _rows(
    context: nova_context.RequestContext, wanted: Wanted
) -> Iterable[Any]:
    """Read what is wanted, and the free devices of the same hosts."""
    device = models.PciDevice
    node = models.ComputeNode
    query = (
        context.session.query(
            device.uuid,
            device.compute_node_id,
            device.address,
            device.vendor_id,
            device.product_id,
            device.dev_type,
            device.dev_id,
            device.label,
            device.status,
            device.request_id,
            device.extra_info,
            device.instance_uuid,
            device.numa_node,
            device.parent_addr,
        )
        .join(node, node.id == device.compute_node_id)
        # Nova gives a uuid to what is older than uuids when it starts.
        .filter(
            device.deleted == 0, node.deleted == 0, device.uuid.isnot(None)
        )
    )
    for condition in _of_nodes(wanted):
        query = query.filter(condition)
    for column, value in (
        (device.uuid, wanted.uuid),
        (device.status, wanted.status),
        (device.instance_uuid, wanted.server_uuid),
    ):
        if value is not None:
            query = query.filter(
                sa.or_(column == value, device.status == _FREE)
            )
    return list(query)


def _of_nodes(wanted: Wanted) -> Iterable[Any]:
    """Give the conditions on compute nodes."""
    node = models.ComputeNode
    if wanted.host is not None:
        yield node.host == wanted.host
    if wanted.uuid is not None:
        device = models.PciDevice
        yield node.id.in_(
            sa.select(device.compute_node_id).where(
                device.uuid == wanted.uuid, device.deleted == 0
            )
        )
    if wanted.server_uuid is not None:
        server = models.Instance
        yield sa.exists().where(
            server.uuid == wanted.server_uuid,
            server.host == node.host,
            server.node == node.hypervisor_hostname,
        )


class _Parser:
    """Parses what is equal once."""

    def __init__(self) -> None:
        self._parsed: dict[str | None, dict[str, Any]] = {None: {}}

    def __call__(self, text: str | None) -> dict[str, Any]:
        if text not in self._parsed:
            self._parsed[text] = jsonutils.loads(text or '{}')
        return self._parsed[text]


def _devices_of_node(
    host: str,
    pools: list[Pool],
    rows: list[Any],
    special: Iterable[str],
    wanted: Wanted,
    parse: _Parser,
) -> Iterable[Device]:
    by_card = any(requirements.ADDRESS in pool.reported for pool in pools)
    kinds = [_kind(row, by_card) for row in rows]
    properties = {kind: _properties(kind, parse) for kind in set(kinds)}
    host_grouping = grouping.HostGrouping(
        [pool.reported for pool in pools],
        [
            properties[kind]
            for kind in {
                kind
                for kind, row in zip(kinds, rows, strict=True)
                if row.status == _FREE
            }
        ],
        special,
    )
    pool_of: dict[Any, dict[str, str]] = {}
    for kind, row in zip(kinds, rows, strict=True):
        if row in wanted:
            if kind not in pool_of:
                pool_of[kind] = host_grouping.pool_of(properties[kind])
            yield Device(row, host, properties[kind], pool_of[kind])


_KIND = (
    'vendor_id',
    'product_id',
    'dev_type',
    'label',
    'numa_node',
    requirements.ADDRESS,
)


def _kind(row: Any, by_card: bool) -> tuple[Any, ...]:
    """Give what devices of one pool have in common, and extra_info."""
    return (
        row.vendor_id,
        row.product_id,
        row.dev_type,
        row.label,
        row.numa_node,
        (row.parent_addr or row.address) if by_card else None,
        row.extra_info,
    )


def _properties(kind: tuple[Any, ...], parse: _Parser) -> dict[str, str]:
    *values, extra_info = kind
    properties = {**parse(extra_info), **dict(zip(_KIND, values, strict=True))}
    return {
        key: str(value)
        for key, value in properties.items()
        if value is not None
    }
