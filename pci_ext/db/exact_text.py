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

"""Texts that are equal only if they are identical, on every database."""

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql


def exact_string(length: int) -> sa.types.TypeEngine[str]:
    """Return the type of texts that are equal only if they are identical.

    SQLite and PostgreSQL compare so; MySQL and MariaDB would take ``gpu``,
    ``GPU`` and ``gpü`` for one, and depend on the server's defaults for which
    characters they can keep.

    :param length: in characters
    """
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset='utf8mb4', collation='utf8mb4_bin'),
        'mysql',
        'mariadb',
    )


def is_storable(text: str) -> bool:
    """Return whether the databases can store a text as a name or id.

    MySQL takes no account of spaces at the end when it compares, and
    PostgreSQL refuses the character NUL even in a question.
    """
    return not text.endswith(' ') and '\0' not in text


def equals(
    column: orm.InstrumentedAttribute[str], text: str
) -> sa.ColumnElement[bool]:
    """Return the condition that a column has a text."""
    return column == text if is_storable(text) else sa.false()
