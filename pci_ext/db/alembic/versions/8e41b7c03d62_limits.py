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

"""Limits of PCI flavors

Revision ID: 8e41b7c03d62
Revises: 5c2d1f9a7b34
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '8e41b7c03d62'
down_revision = '5c2d1f9a7b34'


def upgrade() -> None:
    op.create_table(
        'pci_flavor_limits',
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column(
            'pci_flavor_id',
            sa.Integer(),
            sa.ForeignKey('pci_flavors.id', ondelete='CASCADE'),
            nullable=False,
        ),
        sa.Column(
            'project_id',
            sa.String(255).with_variant(
                mysql.VARCHAR(255, charset='utf8mb4', collation='utf8mb4_bin'),
                'mysql',
                'mariadb',
            ),
            nullable=False,
        ),
        sa.Column('devices', sa.Integer(), nullable=False),
        sa.UniqueConstraint(
            'pci_flavor_id',
            'project_id',
            name='uniq_pci_flavor_limits0pci_flavor_id0project_id',
        ),
    )
