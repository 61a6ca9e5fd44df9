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

"""Queries on the limits of PCI flavors."""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses

import sqlalchemy as sa

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import models

#: Stands for all projects that have no limit of their own.
DEFAULT = ''

#: A limit that allows any number of devices.
UNLIMITED = -1


@dataclasses.dataclass(frozen=True)
class Limit:
    """The limit that a project has.

    :ivar name: of the PCI flavor
    :ivar devices: the greatest number of devices
    """

    name: str
    devices: int


def get(uuid: str) -> dict[str, int]:
    """Get the limits of a PCI flavor by the ids of projects, and `DEFAULT`."""
    statement = (
        sa.select(models.PciFlavorLimit)
        .join(models.PciFlavor)
        .where(models.PciFlavor.uuid == uuid)
    )
    with api.reader() as session:
        return {
            row.project_id: row.devices for row in session.scalars(statement)
        }


def get_for_project(
    uuids: Collection[str] | None, project_id: str
) -> dict[str, Limit]:
    """Get the limits that a project has.

    :param uuids: of PCI flavors; None for all
    :returns: by uuid; those that the project has no limit for are missing
    """
    statement = (
        sa.select(
            models.PciFlavor.uuid,
            models.PciFlavor.name,
            models.PciFlavorLimit.project_id,
            models.PciFlavorLimit.devices,
        )
        .join(models.PciFlavorLimit)
        .where(models.PciFlavorLimit.project_id.in_((DEFAULT, project_id)))
    )
    if uuids is not None:
        statement = statement.where(models.PciFlavor.uuid.in_(uuids))
    default: dict[str, Limit] = {}
    own: dict[str, Limit] = {}
    with api.reader() as session:
        for uuid, name, owner, devices in session.execute(statement):
            limits = default if owner == DEFAULT else own
            limits[uuid] = Limit(name, devices)
    return {
        uuid: limit
        for uuid, limit in (default | own).items()
        if limit.devices != UNLIMITED
    }


@api.retried
def update(uuid: str, limits: Mapping[str, int | None]) -> None:
    """Set limits of a PCI flavor; None removes one.

    :param limits: by the ids of projects, and `DEFAULT`
    :raises PciFlavorNotFound: if there is none with this uuid
    """
    with api.writer() as session:
        # A write comes first, so that of two updates at once one waits.
        session.execute(
            sa.update(models.PciFlavor)
            .where(models.PciFlavor.uuid == uuid)
            .values(name=models.PciFlavor.name)
        )
        flavor_id = session.scalar(
            sa.select(models.PciFlavor.id).where(models.PciFlavor.uuid == uuid)
        )
        if flavor_id is None:
            raise exception.PciFlavorNotFound(pci_flavor=uuid)
        limit = models.PciFlavorLimit
        session.execute(
            sa.delete(limit).where(
                limit.pci_flavor_id == flavor_id,
                limit.project_id.in_(list(limits)),
            )
        )
        session.add_all(
            limit(
                pci_flavor_id=flavor_id,
                project_id=project_id,
                devices=devices,
            )
            for project_id, devices in limits.items()
            if devices is not None
        )
