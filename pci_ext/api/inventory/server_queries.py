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

"""The records of servers in the database of a cell, with their devices."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.compute import vm_states
from nova.db.main import models
import sqlalchemy as sa

from pci_ext import server_state

#: Task states of servers that may have a reservation.
RESERVING = (server_state.ATTACHING_PCI, task_states.RESIZE_PREP)


def servers(
    context: nova_context.RequestContext, project_id: str
) -> Iterable[Any]:
    """Read the servers of a project that may have or be given devices.

    They have PCI requests, had them before a resize or migration that has not
    ended, or have a task state that reserves devices.
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
                # Nova stores an empty list so.
                extra.pci_requests != '[]',
                extra.migration_context.isnot(None),
                server.task_state.in_(RESERVING),
            ),
        )
    )


def reservations(
    context: nova_context.RequestContext, project_id: str
) -> Mapping[str, Mapping[str, str]]:
    """Read the reservations of the servers of a project.

    :returns: by the uuid of the server, as
        :func:`pci_ext.server_state.reserved` takes them
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
            server.task_state.in_(RESERVING),
            metadata.deleted == 0,
            metadata.key.startswith(server_state.RESERVED, autoescape=True),
        )
    ):
        found.setdefault(uuid, {})[key] = value
    return found


def devices(
    context: nova_context.RequestContext, uuids: Collection[str]
) -> list[Any]:
    """Read the devices of servers, in the order of their addresses.

    In a resize or migration a server has devices on two hosts: only those on
    the host of the server are read. In a resize on one host, only those that
    serve a present request.
    """
    device = models.PciDevice
    server = models.Instance
    node = models.ComputeNode
    rows = (
        context.session.query(
            device.instance_uuid,
            device.dev_id,
            device.address,
            device.vendor_id,
            device.product_id,
            device.request_id,
            server.vm_state,
            server.task_state,
        )
        .join(server, server.uuid == device.instance_uuid)
        .join(
            node,
            sa.and_(
                node.id == device.compute_node_id,
                node.host == server.host,
                node.hypervisor_hostname == server.node,
            ),
        )
        .filter(
            device.instance_uuid.in_(uuids),
            device.deleted == 0,
            node.deleted == 0,
        )
        .order_by(device.address)
    ).all()
    requests = _request_ids(
        context,
        {
            row.instance_uuid
            for row in rows
            if is_in_resize(row.vm_state, row.task_state)
        },
    )
    return [
        row
        for row in rows
        if row.instance_uuid not in requests
        or row.request_id in requests[row.instance_uuid]
    ]


def is_in_resize(vm_state: str | None, task_state: str | None) -> bool:
    """Tell whether a server may have the devices of both sides of a resize.

    In a resize on one host, only the PCI requests tell them apart.
    """
    return vm_state == vm_states.RESIZED or (task_state or '').startswith(
        'resize_'
    )


def _request_ids(
    context: nova_context.RequestContext, uuids: Collection[str]
) -> dict[str, set[str]]:
    """Read the ids of the PCI requests of servers."""
    if not uuids:
        return {}
    extra = models.InstanceExtra
    rows = context.session.query(
        extra.instance_uuid, extra.pci_requests
    ).filter(extra.instance_uuid.in_(uuids), extra.deleted == 0)
    return {
        row.instance_uuid: {
            request.request_id
            for request in objects.InstancePCIRequests.obj_from_db(
                context, row.instance_uuid, row.pci_requests
            ).requests
        }
        for row in rows
    }
