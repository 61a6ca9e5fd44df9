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

"""Initial version

Revision ID: 5c2d1f9a7b34
Revises:
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '5c2d1f9a7b34'
down_revision = None


def exact_string(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset='utf8mb4', collation='utf8mb4_bin'),
        'mysql',
        'mariadb',
    )


def upgrade() -> None:
    # MySQL keeps the tables of an interrupted upgrade, without its version.
    op.create_table(
        'pci_flavors',
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column('uuid', exact_string(36), nullable=False),
        sa.Column('name', exact_string(255), nullable=False),
        sa.Column('description', exact_string(1024)),
        sa.Column('is_public', sa.Boolean(), nullable=False),
        sa.Column('live_migration', exact_string(16), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('updated_at', sa.DateTime()),
        sa.UniqueConstraint('uuid', name='uniq_pci_flavors0uuid'),
        sa.UniqueConstraint('name', name='uniq_pci_flavors0name'),
        if_not_exists=True,
    )
    op.create_table(
        'pci_flavor_specs',
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column(
            'pci_flavor_id',
            sa.Integer(),
            sa.ForeignKey('pci_flavors.id', ondelete='CASCADE'),
            nullable=False,
        ),
        sa.Column('key', exact_string(255), nullable=False),
        sa.Column('value', exact_string(510), nullable=False),
        sa.UniqueConstraint(
            'pci_flavor_id',
            'key',
            name='uniq_pci_flavor_specs0pci_flavor_id0key',
        ),
        if_not_exists=True,
    )
    op.create_table(
        'pci_flavor_projects',
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column(
            'pci_flavor_id',
            sa.Integer(),
            sa.ForeignKey('pci_flavors.id', ondelete='CASCADE'),
            nullable=False,
        ),
        sa.Column('project_id', exact_string(255), nullable=False),
        sa.UniqueConstraint(
            'pci_flavor_id',
            'project_id',
            name='uniq_pci_flavor_projects0pci_flavor_id0project_id',
        ),
        if_not_exists=True,
    )
    op.create_table(
        'pci_flavor_limits',
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column(
            'pci_flavor_id',
            sa.Integer(),
            sa.ForeignKey('pci_flavors.id', ondelete='CASCADE'),
            nullable=False,
        ),
        sa.Column('project_id', exact_string(255), nullable=False),
        sa.Column('devices', sa.Integer(), nullable=False),
        sa.UniqueConstraint(
            'pci_flavor_id',
            'project_id',
            name='uniq_pci_flavor_limits0pci_flavor_id0project_id',
        ),
        if_not_exists=True,
    )
