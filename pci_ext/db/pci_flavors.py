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

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import cast
from typing import ParamSpec
from typing import TypeVar

from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception
from oslo_utils import uuidutils
import sqlalchemy as sa
from sqlalchemy import orm

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import models
from pci_ext.objects import pci_flavor

_P = ParamSpec('_P')
_R = TypeVar('_R')

#: Fields that an update replaces; it merges specs.
_COLUMNS = ('name', 'description', 'is_public', 'live_migration')


def retried(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Repeat a transaction that the database aborted because of a deadlock."""
    repeating: Callable[_P, _R] = oslo_db_api.wrap_db_retry(
        retry_interval=0.1,
        max_retries=5,
        max_retry_interval=2,
        retry_on_deadlock=True,
    )(function)
    return repeating


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


@retried
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


def get_by_uuid(uuid: str) -> pci_flavor.PciFlavor:
    """Get a PCI flavor.

    :raises PciFlavorNotFound: if there is none with this uuid
    """
    return _get(models.PciFlavor.uuid, uuid)


def get_by_name(name: str) -> pci_flavor.PciFlavor:
    """Get a PCI flavor.

    :raises PciFlavorNotFound: if there is none with this name
    """
    return _get(models.PciFlavor.name, name)


def get_by_names(names: Collection[str]) -> list[pci_flavor.PciFlavor]:
    """Get the PCI flavors with these names, in the order of names.

    Names without a PCI flavor are missing from the result.
    """
    known = [name for name in names if _storable(name)]
    if not known:
        return []
    return _list(models.PciFlavor.name.in_(known))


def get_all() -> list[pci_flavor.PciFlavor]:
    """Get all PCI flavors, public or not, in the order of names."""
    return _list()


def update_by_uuid(
    uuid: str, values: Mapping[str, Any]
) -> pci_flavor.PciFlavor:
    """Change a PCI flavor.

    :param values: any of name, description, is_public, live_migration, and
        specs: patterns to set by key, None to remove the key
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


@retried
def _update_once(uuid: str, values: Mapping[str, Any]) -> pci_flavor.PciFlavor:
    chosen = _equals(models.PciFlavor.uuid, uuid)
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
        _merge(row, values.get('specs', {}))
        session.flush()
        return _to_object(row)


@retried
def delete_by_uuid(uuid: str) -> None:
    """Delete a PCI flavor.

    :raises PciFlavorNotFound: if there is none with this uuid
    """
    chosen = _equals(models.PciFlavor.uuid, uuid)
    if not _execute(sa.delete(models.PciFlavor).where(chosen)):
        raise exception.PciFlavorNotFound(pci_flavor=uuid)


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


@retried
def _add_project(flavor: pci_flavor.PciFlavor, project_id: str) -> None:
    # In one statement, so that the PCI flavor cannot go in between.
    rows = sa.select(
        models.PciFlavor.id,
        sa.literal(project_id, models.PciFlavorProject.project_id.type),
    ).where(_equals(models.PciFlavor.uuid, flavor.uuid))
    statement = sa.insert(models.PciFlavorProject).from_select(
        ['pci_flavor_id', 'project_id'], rows
    )
    if not _execute(statement):
        raise exception.PciFlavorNotFound(pci_flavor=flavor.name)


@retried
def remove_project(flavor: pci_flavor.PciFlavor, project_id: str) -> None:
    """Remove access of a project to a PCI flavor.

    :raises PciFlavorAccessNotFound: if the project does not have it, or there
        is no PCI flavor with its uuid any more
    """
    ids = sa.select(models.PciFlavor.id).where(
        _equals(models.PciFlavor.uuid, flavor.uuid)
    )
    statement = sa.delete(models.PciFlavorProject).where(
        models.PciFlavorProject.pci_flavor_id.in_(ids),
        _equals(models.PciFlavorProject.project_id, project_id),
    )
    if not _execute(statement):
        raise exception.PciFlavorAccessNotFound(
            project_id=project_id, pci_flavor=flavor.name
        )


def _storable(text: str) -> bool:
    """Return whether the databases can store a text as a name or id.

    MySQL takes no account of spaces at the end when it compares, and
    PostgreSQL refuses the character NUL even in a question.
    """
    return not text.endswith(' ') and '\0' not in text


def _equals(
    column: orm.InstrumentedAttribute[str], text: str
) -> sa.ColumnElement[bool]:
    return column == text if _storable(text) else sa.false()


def _select() -> sa.Select[tuple[models.PciFlavor]]:
    return sa.select(models.PciFlavor).options(
        orm.selectinload(models.PciFlavor.specs),
        orm.selectinload(models.PciFlavor.projects),
    )


def _get(
    column: orm.InstrumentedAttribute[str], text: str
) -> pci_flavor.PciFlavor:
    with api.reader() as session:
        row = session.scalar(_select().where(_equals(column, text)))
        if row is None:
            raise exception.PciFlavorNotFound(pci_flavor=text)
        return _to_object(row)


def _list(*conditions: sa.ColumnElement[bool]) -> list[pci_flavor.PciFlavor]:
    with api.reader() as session:
        rows = session.scalars(_select().where(*conditions))
        # Not sorted by the databases: each has an order of its own.
        return sorted(map(_to_object, rows), key=lambda flavor: flavor.name)


def _execute(statement: sa.Insert | sa.Delete) -> int:
    """Execute one statement in a transaction, and count its rows."""
    with api.writer() as session:
        result = cast(sa.CursorResult[Any], session.execute(statement))
        return result.rowcount


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
