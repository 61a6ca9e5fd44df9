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

"""Queries on PCI flavors; they take and return objects.

Names and uuids are compared exactly: ``gpu`` and ``GPU`` are two PCI flavors.
"""

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from oslo_db import exception as db_exception
from oslo_utils import uuidutils
import sqlalchemy as sa
from sqlalchemy import orm

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import exact_text
from pci_ext.db import models
from pci_ext.objects import pci_flavor

#: A condition on PCI flavors, as of `visible_to`.
Condition = sa.ColumnElement[bool]

#: Fields that an update replaces; it merges specs.
_COLUMNS = ('name', 'description', 'is_public', 'live_migration')


def create(flavor: pci_flavor.PciFlavor) -> pci_flavor.PciFlavor:
    """Store a new PCI flavor.

    :param flavor: is given a uuid if it has none
    :returns: the PCI flavor as stored
    :raises PciFlavorExists: if another has its name
    """
    try:
        return _create(flavor)
    except db_exception.DBDuplicateEntry as error:
        if not _is_about_name(error):
            raise
        raise exception.PciFlavorExists(name=flavor.name) from error


@api.retried
def _create(flavor: pci_flavor.PciFlavor) -> pci_flavor.PciFlavor:
    row = models.PciFlavor(
        uuid=(
            flavor.uuid
            if flavor.obj_attr_is_set('uuid')
            else uuidutils.generate_uuid()
        ),
        specs={},
        projects=[
            models.PciFlavorProject(project_id=project_id)
            for project_id in flavor.projects
        ],
        **{column: getattr(flavor, column) for column in _COLUMNS},
    )
    _merge(row, flavor.specs)
    with api.writer() as session:
        session.add(row)
        session.flush()
        return _to_object(row)


def visible_to(project_id: str | None) -> Condition:
    """Return the condition that a project sees a PCI flavor.

    :param project_id: None if the user has chosen no project
    """
    access = models.PciFlavorProject
    has_access = sa.exists().where(
        access.pci_flavor_id == models.PciFlavor.id,
        exact_text.equals(access.project_id, project_id or ''),
    )
    return sa.or_(models.PciFlavor.is_public, has_access)


def get_by_uuid(uuid: str, *conditions: Condition) -> pci_flavor.PciFlavor:
    """Get a PCI flavor.

    :raises PciFlavorNotFound: if none with this uuid meets the conditions
    """
    return _get(models.PciFlavor.uuid, uuid, *conditions)


def get_by_name(name: str, *conditions: Condition) -> pci_flavor.PciFlavor:
    """Get a PCI flavor.

    :raises PciFlavorNotFound: if none with this name meets the conditions
    """
    return _get(models.PciFlavor.name, name, *conditions)


def get_by_names(
    names: Collection[str], *conditions: Condition
) -> list[pci_flavor.PciFlavor]:
    """Get the PCI flavors with these names, in the order of names.

    Names without a PCI flavor are missing from the result.
    """
    known = [name for name in names if exact_text.is_storable(name)]
    if not known:
        return []
    return _list(models.PciFlavor.name.in_(known), *conditions)


def get_by_uuids(uuids: Collection[str]) -> list[pci_flavor.PciFlavor]:
    """Get the PCI flavors with these uuids, in the order of names."""
    return _list(models.PciFlavor.uuid.in_(uuids)) if uuids else []


def get_all(*conditions: Condition) -> list[pci_flavor.PciFlavor]:
    """Get all PCI flavors that meet conditions, in the order of names."""
    return _list(*conditions)


def update_by_uuid(
    uuid: str, values: Mapping[str, Any]
) -> pci_flavor.PciFlavor:
    """Change a PCI flavor.

    :param values: any of name, description, is_public, live_migration, and
        specs: patterns to set by key, None to remove the key. A public PCI
        flavor has no projects with access
    :returns: the PCI flavor as it is then
    :raises PciFlavorNotFound: if there is none with this uuid
    :raises PciFlavorExists: if another has the new name
    """
    try:
        return _update_once(uuid, values)
    except db_exception.DBDuplicateEntry as error:
        if not _is_about_name(error):
            raise
        raise exception.PciFlavorExists(name=values['name']) from error


@api.retried
def _update_once(uuid: str, values: Mapping[str, Any]) -> pci_flavor.PciFlavor:
    chosen = exact_text.equals(models.PciFlavor.uuid, uuid)
    with api.writer() as session:
        # A write comes first, so that of two updates at once one waits for
        # the other from the start and neither is built on what is no more.
        session.execute(
            sa.update(models.PciFlavor)
            .where(chosen)
            .values(updated_at=models.now())
        )
        row = session.scalar(_select().where(chosen))
        if row is None:
            raise exception.PciFlavorNotFound(pci_flavor=uuid)
        for name in _COLUMNS:
            if name in values:
                setattr(row, name, values[name])
        if values.get('is_public'):
            # A public PCI flavor shows no list of projects: as a private one
            # again it would have accesses that its list did not show.
            row.projects.clear()
        _merge(row, values.get('specs', {}))
        session.flush()
        return _to_object(row)


@api.retried
def delete_by_uuid(uuid: str) -> None:
    """Delete a PCI flavor.

    :raises PciFlavorNotFound: if there is none with this uuid
    """
    chosen = exact_text.equals(models.PciFlavor.uuid, uuid)
    if not api.execute(sa.delete(models.PciFlavor).where(chosen)):
        raise exception.PciFlavorNotFound(pci_flavor=uuid)


def _select() -> sa.Select[tuple[models.PciFlavor]]:
    return sa.select(models.PciFlavor).options(
        orm.selectinload(models.PciFlavor.specs),
        orm.selectinload(models.PciFlavor.projects),
    )


def _get(
    column: orm.InstrumentedAttribute[str], text: str, *conditions: Condition
) -> pci_flavor.PciFlavor:
    chosen = exact_text.equals(column, text)
    with api.reader() as session:
        row = session.scalar(_select().where(chosen, *conditions))
        if row is None:
            raise exception.PciFlavorNotFound(pci_flavor=text)
        return _to_object(row)


def _list(*conditions: Condition) -> list[pci_flavor.PciFlavor]:
    with api.reader() as session:
        rows = session.scalars(_select().where(*conditions))
        # Not sorted by the databases: each has an order of its own.
        return sorted(map(_to_object, rows), key=lambda flavor: flavor.name)


def _merge(row: models.PciFlavor, specs: Mapping[str, str | None]) -> None:
    for key, value in specs.items():
        if value is None:
            row.specs.pop(key, None)
        elif key in row.specs:
            row.specs[key].value = value
        else:
            row.specs[key] = models.PciFlavorSpec(key=key, value=value)


def _is_about_name(error: db_exception.DBDuplicateEntry) -> bool:
    """Tell a name that is taken from other duplicates, which are bugs."""
    return any('name' in column for column in error.columns)


def _to_object(row: models.PciFlavor) -> pci_flavor.PciFlavor:
    flavor = pci_flavor.PciFlavor(
        uuid=row.uuid,
        specs={key: spec.value for key, spec in sorted(row.specs.items())},
        projects=[project.project_id for project in row.projects],
        created_at=row.created_at,
        updated_at=row.updated_at,
        **{column: getattr(row, column) for column in _COLUMNS},
    )
    flavor.obj_reset_changes()
    return flavor
