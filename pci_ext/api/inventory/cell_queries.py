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

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
from typing import Any

from nova import context as nova_context
from nova.compute import task_states
from nova.db.main import models
from nova.objects import fields
import sqlalchemy as sa

from pci_ext import server_state

#: The status of a device that can be had.
FREE = fields.PciDeviceStatus.AVAILABLE

#: Those of servers that may ask for what no host has on record yet.
ASKING = (server_state.ATTACHING_PCI, task_states.RESIZE_PREP)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which devices to read; all that is given has to be so.

    :ivar uuid: of the device
    :ivar host: name of the host
    :ivar status: in Nova's words
    :ivar server_uuid: of the server that has them, on the host where it is:
        in a resize or migration it holds devices on two
    :ivar project_id: of the servers that have them, on all hosts
    """

    uuid: str | None = None
    host: str | None = None
    status: str | None = None
    server_uuid: str | None = None
    project_id: str | None = None

    def __contains__(self, row: Any) -> bool:
        return (
            self.uuid in (None, row.uuid)
            and self.status in (None, row.status)
            and self.server_uuid in (None, row.instance_uuid)
            # What else is read for it is free.
            and (self.project_id is None or row.instance_uuid is not None)
        )


def nodes(
    context: nova_context.RequestContext, wanted: Wanted
) -> Iterable[Any]:
    """Read the compute nodes that have what is wanted."""
    node = models.ComputeNode
    query = context.session.query(
        node.id, node.uuid, node.host, node.pci_stats
    ).filter(node.deleted == 0, node.host.isnot(None))
    for condition in _of_nodes(wanted):
        query = query.filter(condition)
    return list(query)


def devices(
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
                sa.or_(column == value, device.status == FREE)
            )
    if wanted.project_id is not None:
        query = query.filter(
            sa.or_(
                device.instance_uuid.in_(_servers_of(wanted.project_id)),
                device.status == FREE,
            )
        )
    return list(query)


def servers(
    context: nova_context.RequestContext, project_id: str
) -> Iterable[Any]:
    """Read the servers of a project that have PCI requests, or had them.

    The latter while they are resized or migrated. And those that ask for
    some.
    """
    server = models.Instance
    extra = models.InstanceExtra
    return list(
        context.session.query(
            server.uuid,
            server.vm_state,
            server.task_state,
            extra.pci_requests,
            extra.migration_context,
        )
        .join(extra, extra.instance_uuid == server.uuid)
        .filter(
            server.project_id == project_id,
            server.deleted == 0,
            sa.or_(
                # As Nova stores that there are none.
                extra.pci_requests != '[]',
                extra.migration_context.isnot(None),
                server.task_state.in_(ASKING),
            ),
        )
    )


def asked(
    context: nova_context.RequestContext, project_id: str
) -> Mapping[str, Mapping[str, str]]:
    """Read what servers of a project ask for that is not on record yet.

    :returns: by the uuid of the server, in the form of
        :mod:`pci_ext.reservations`
    """
    server = models.Instance
    metadata = models.InstanceSystemMetadata
    found: dict[str, dict[str, str]] = {}
    for uuid, key, value in (
        context.session.query(server.uuid, metadata.key, metadata.value)
        .join(metadata, metadata.instance_uuid == server.uuid)
        .filter(
            server.project_id == project_id,
            server.deleted == 0,
            server.task_state.in_(ASKING),
            metadata.deleted == 0,
            metadata.key.startswith(server_state.RESERVED, autoescape=True),
        )
    ):
        found.setdefault(uuid, {})[key] = value
    return found


def _servers_of(project_id: str) -> Any:
    return sa.select(models.Instance.uuid).where(
        models.Instance.project_id == project_id, models.Instance.deleted == 0
    )


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
    if wanted.project_id is not None:
        held = models.PciDevice
        yield node.id.in_(
            sa.select(held.compute_node_id).where(
                held.instance_uuid.in_(_servers_of(wanted.project_id)),
                held.deleted == 0,
            )
        )
