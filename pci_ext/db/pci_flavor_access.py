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

"""Queries on the access of projects to PCI flavors."""

from oslo_db import exception as db_exception
import sqlalchemy as sa

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import exact_text
from pci_ext.db import models
from pci_ext.objects import pci_flavor


def add_project(flavor: pci_flavor.PciFlavor, project_id: str) -> None:
    """Add access of a project to a PCI flavor.

    :raises PciFlavorNotFound: if there is none with its uuid any more
    :raises PciFlavorAccessExists: if the project has access already
    """
    try:
        _add_project(flavor, project_id)
    except db_exception.DBDuplicateEntry as error:
        raise exception.PciFlavorAccessExists(
            project_id=project_id, pci_flavor=flavor.name
        ) from error
    except db_exception.DBReferenceError as error:
        # PostgreSQL reads and inserts the row at two times: the PCI flavor
        # may be deleted between them.
        raise exception.PciFlavorNotFound(pci_flavor=flavor.name) from error


@api.retried
def _add_project(flavor: pci_flavor.PciFlavor, project_id: str) -> None:
    # In one statement, so that the PCI flavor cannot go in between.
    rows = sa.select(
        models.PciFlavor.id,
        sa.literal(project_id, models.PciFlavorProject.project_id.type),
    ).where(exact_text.equals(models.PciFlavor.uuid, flavor.uuid))
    statement = sa.insert(models.PciFlavorProject).from_select(
        ['pci_flavor_id', 'project_id'], rows
    )
    if not api.execute(statement):
        raise exception.PciFlavorNotFound(pci_flavor=flavor.name)


@api.retried
def remove_project(flavor: pci_flavor.PciFlavor, project_id: str) -> None:
    """Remove access of a project to a PCI flavor.

    :raises PciFlavorAccessNotFound: if the project does not have it, or there
        is no PCI flavor with its uuid any more
    """
    ids = sa.select(models.PciFlavor.id).where(
        exact_text.equals(models.PciFlavor.uuid, flavor.uuid)
    )
    statement = sa.delete(models.PciFlavorProject).where(
        models.PciFlavorProject.pci_flavor_id.in_(ids),
        exact_text.equals(models.PciFlavorProject.project_id, project_id),
    )
    if not api.execute(statement):
        raise exception.PciFlavorAccessNotFound(
            project_id=project_id, pci_flavor=flavor.name
        )
