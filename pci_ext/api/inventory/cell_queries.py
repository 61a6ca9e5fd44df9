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

"""The records of compute nodes and devices in the database of a cell."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
from typing import Any

from nova import context as nova_context
from nova.db.main import models
from nova.objects import fields
import sqlalchemy as sa
from sqlalchemy import orm

from pci_ext.api.inventory import json_text
from pci_ext.matching import grouping

#: SQLAlchemy's names of the databases with the collations of MySQL.
MYSQL = ('mysql', 'mariadb')

#: The status of a device that can be claimed.
FREE = fields.PciDeviceStatus.AVAILABLE


@dataclasses.dataclass(frozen=True)
class DeviceFilter:
    """Conditions on devices; those that are given must all hold.

    :ivar uuid: of the device
    :ivar host: name of the host
    :ivar status: one of Nova's PciDeviceStatus
    :ivar address: on the host
    :ivar owner_uuid: of the server that has the devices, on all hosts
    :ivar server_uuid: of the server that has the devices; only those on the
        host of the server, which in a resize or migration has devices on two
    :ivar project_id: of the servers that have the devices, on all hosts
    :ivar ids: of the records in the database of a cell
    :ivar node_ids: of the compute nodes that have these
    """

    uuid: str | None = None
    host: str | None = None
    status: str | None = None
    address: str | None = None
    owner_uuid: str | None = None
    server_uuid: str | None = None
    project_id: str | None = None
    ids: Collection[int] | None = None
    node_ids: Collection[int] | None = None

    def __contains__(self, row: Any) -> bool:
        return (
            self.uuid in (None, row.uuid)
            and self.status in (None, row.status)
            and self.address in (None, row.address)
            and self.owner_uuid in (None, row.instance_uuid)
            and self.server_uuid in (None, row.instance_uuid)
        )


def nodes(
    context: nova_context.RequestContext, device_filter: DeviceFilter
) -> Iterable[Any]:
    """Read the compute nodes of the devices that a filter selects."""
    node = models.ComputeNode
    query = context.session.query(
        node.id, node.uuid, node.host, node.pci_stats
    ).filter(node.deleted == 0, node.host.isnot(None))
    for condition in _node_conditions(device_filter):
        query = query.filter(condition)
    return list(query)


def special_pools(context: nova_context.RequestContext) -> Iterable[str]:
    """Read the reported pools of the hosts that have special attributes."""
    stats = models.ComputeNode.pci_stats
    query = (
        context.session.query(stats)
        .filter(
            models.ComputeNode.deleted == 0,
            # As Nova serializes a pool.
            stats.contains(
                f'"{grouping.SPECIAL_ATTRS}": "{grouping.ATTRIBUTE_PREFIX}',
                autoescape=True,
            ),
        )
        .distinct()
    )
    return [pci_stats for (pci_stats,) in query]


def devices(
    context: nova_context.RequestContext, device_filter: DeviceFilter
) -> Iterable[Any]:
    """Read the devices that a filter selects."""
    device = models.PciDevice
    node = models.ComputeNode
    query = context.session.query(
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
    ).join(node, node.id == device.compute_node_id)
    for condition in device_conditions(device_filter):
        query = query.filter(condition)
    return list(query)


def device_conditions(
    device_filter: DeviceFilter,
) -> Iterator[sa.ColumnElement[bool]]:
    """List the conditions on devices, joined with their compute nodes."""
    device = models.PciDevice
    # Records older than the column get a uuid when Nova starts.
    yield device.uuid.isnot(None)
    yield device.deleted == 0
    yield models.ComputeNode.deleted == 0
    yield from _node_conditions(device_filter)
    for column, value in equal_columns(device_filter):
        yield column == value
    if device_filter.project_id is not None:
        yield device.instance_uuid.in_(_servers_of(device_filter.project_id))
    if device_filter.ids is not None:
        yield device.id.in_(device_filter.ids)


def equal_columns(device_filter: DeviceFilter) -> Iterator[tuple[Any, str]]:
    """List the columns of devices that a filter sets, with their values."""
    device = models.PciDevice
    for column, value in (
        (device.uuid, device_filter.uuid),
        (device.status, device_filter.status),
        (device.address, device_filter.address),
        (device.instance_uuid, device_filter.owner_uuid),
        (device.instance_uuid, device_filter.server_uuid),
    ):
        if value is not None:
            yield column, value


def device_groups(
    context: nova_context.RequestContext,
    device_filter: DeviceFilter,
    by_card: bool,
    ignored: Collection[str] = (),
    status: str | None = None,
) -> Iterable[Any]:
    """Count the devices that are alike on the hosts of a filter.

    The database counts: a host has many devices in few groups.

    :param device_filter: selects hosts, by devices that they have
    :param by_card: whether devices of different cards are different
    :param ignored: keys of extra_info in which devices that are alike differ
    :param status: of the devices counted; None: any
    :returns: rows as of :func:`devices`, with the address of the card, if at
        all, and the ``number`` of devices
    """
    device = models.PciDevice
    node = models.ComputeNode
    card = (
        sa.func.coalesce(device.parent_addr, device.address)
        if by_card
        else sa.null()
    )
    dialect = context.session.get_bind().dialect.name
    extra_info = json_text.without(dialect, device.extra_info, ignored)
    alike = (
        device.compute_node_id,
        device.vendor_id,
        device.product_id,
        device.dev_type,
        device.label,
        device.status,
        device.numa_node,
        extra_info,
    )
    exact: list[sa.ColumnElement[Any]] = [card] if by_card else []
    if dialect in MYSQL:
        # These compare texts without case, and long ones in part.
        exact.append(sa.func.sha2(extra_info, 256))
    query = (
        context.session.query(
            *alike[:-1],
            extra_info.label('extra_info'),
            card.label('address'),
            sa.null().label('parent_addr'),
            sa.func.count().label('number'),
        )
        .join(node, node.id == device.compute_node_id)
        .filter(
            device.deleted == 0, node.deleted == 0, device.uuid.isnot(None)
        )
        .group_by(*alike, *exact)
    )
    if status is not None:
        query = query.filter(device.status == status)
    for condition in _node_conditions(device_filter):
        query = query.filter(condition)
    return list(query)


def _servers_of(project_id: str) -> Any:
    return sa.select(models.Instance.uuid).where(
        models.Instance.project_id == project_id, models.Instance.deleted == 0
    )


def _node_conditions(device_filter: DeviceFilter) -> Iterable[Any]:
    """List the conditions on compute nodes."""
    node = models.ComputeNode
    device = orm.aliased(models.PciDevice)
    if device_filter.host is not None:
        yield node.host == device_filter.host
    if device_filter.node_ids is not None:
        yield node.id.in_(device_filter.node_ids)
    for column, value in (
        (device.uuid, device_filter.uuid),
        (device.address, device_filter.address),
        (device.instance_uuid, device_filter.owner_uuid),
    ):
        if value is not None:
            yield node.id.in_(
                sa.select(device.compute_node_id).where(
                    column == value, device.deleted == 0
                )
            )
    if device_filter.server_uuid is not None:
        server = models.Instance
        yield sa.exists().where(
            server.uuid == device_filter.server_uuid,
            server.host == node.host,
            server.node == node.hypervisor_hostname,
        )
    if device_filter.project_id is not None:
        yield node.id.in_(
            sa.select(device.compute_node_id).where(
                device.instance_uuid.in_(
                    _servers_of(device_filter.project_id)
                ),
                device.deleted == 0,
            )
        )
