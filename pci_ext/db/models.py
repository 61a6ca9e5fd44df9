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

"""The tables of the database of PCI flavors."""

import datetime

from oslo_utils import timeutils
import sqlalchemy as sa
from sqlalchemy import orm

from pci_ext.db import exact_text
from pci_ext.matching import request_grammar
from pci_ext.matching import selectors
from pci_ext.objects import pci_flavor


def now() -> datetime.datetime:
    """Return the time in UTC, naive, in seconds, as all databases keep it."""
    return timeutils.utcnow().replace(microsecond=0)


class Base(orm.DeclarativeBase):
    pass


class PciFlavor(Base):
    __tablename__ = 'pci_flavors'
    # The names tell oslo.db the columns: uniq_TABLE0COLUMN0COLUMN.
    __table_args__ = (
        sa.UniqueConstraint('uuid', name='uniq_pci_flavors0uuid'),
        sa.UniqueConstraint('name', name='uniq_pci_flavors0name'),
    )

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    uuid: orm.Mapped[str] = orm.mapped_column(exact_text.exact_string(36))
    name: orm.Mapped[str] = orm.mapped_column(
        exact_text.exact_string(request_grammar.MAX_NAME_LENGTH)
    )
    description: orm.Mapped[str | None] = orm.mapped_column(
        exact_text.exact_string(pci_flavor.MAX_DESCRIPTION_LENGTH)
    )
    is_public: orm.Mapped[bool]
    live_migration: orm.Mapped[str] = orm.mapped_column(
        exact_text.exact_string(16)
    )
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(default=now)
    updated_at: orm.Mapped[datetime.datetime | None]

    # Never loaded row by row: a query that forgets them is an error.
    specs: orm.Mapped[dict[str, 'PciFlavorSpec']] = orm.relationship(
        collection_class=orm.attribute_keyed_dict('key'),
        cascade='all, delete-orphan',
        order_by='PciFlavorSpec.key',
        lazy='raise',
    )
    projects: orm.Mapped[list['PciFlavorProject']] = orm.relationship(
        cascade='all, delete-orphan',
        order_by='PciFlavorProject.project_id',
        lazy='raise',
    )


class PciFlavorSpec(Base):
    __tablename__ = 'pci_flavor_specs'
    __table_args__ = (
        sa.UniqueConstraint(
            'pci_flavor_id',
            'key',
            name='uniq_pci_flavor_specs0pci_flavor_id0key',
        ),
    )

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    pci_flavor_id: orm.Mapped[int] = orm.mapped_column(
        sa.ForeignKey('pci_flavors.id', ondelete='CASCADE')
    )
    key: orm.Mapped[str] = orm.mapped_column(
        exact_text.exact_string(selectors.MAX_KEY_LENGTH)
    )
    value: orm.Mapped[str] = orm.mapped_column(
        exact_text.exact_string(pci_flavor.MAX_VALUE_LENGTH)
    )


class PciFlavorProject(Base):
    __tablename__ = 'pci_flavor_projects'
    __table_args__ = (
        sa.UniqueConstraint(
            'pci_flavor_id',
            'project_id',
            name='uniq_pci_flavor_projects0pci_flavor_id0project_id',
        ),
    )

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    pci_flavor_id: orm.Mapped[int] = orm.mapped_column(
        sa.ForeignKey('pci_flavors.id', ondelete='CASCADE')
    )
    project_id: orm.Mapped[str] = orm.mapped_column(
        exact_text.exact_string(255)
    )


class PciFlavorLimit(Base):
    """The number of devices that a project may have; -1 is unlimited."""

    __tablename__ = 'pci_flavor_limits'
    __table_args__ = (
        sa.UniqueConstraint(
            'pci_flavor_id',
            'project_id',
            name='uniq_pci_flavor_limits0pci_flavor_id0project_id',
        ),
    )

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    pci_flavor_id: orm.Mapped[int] = orm.mapped_column(
        sa.ForeignKey('pci_flavors.id', ondelete='CASCADE')
    )
    # Empty for all projects without a limit of their own: the databases
    # take no two NULLs for the same.
    project_id: orm.Mapped[str] = orm.mapped_column(
        exact_text.exact_string(255)
    )
    devices: orm.Mapped[int]
