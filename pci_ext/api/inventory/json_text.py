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

"""JSON objects in columns of text, taken apart by the database."""

from collections.abc import Collection
from typing import Any
from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def without(
    dialect: str, column: Any, keys: Collection[str]
) -> sa.ColumnElement[Any]:
    """Return a column of JSON objects, without some of their keys.

    The keys are no parameters of the query: not every database would see
    that it selects what it groups by.

    :param dialect: SQLAlchemy's name of the database
    :param keys: constants, not texts of a user
    """
    if not keys:
        return cast(sa.ColumnElement[Any], column)
    # Some databases refuse a text that is empty.
    text = sa.func.nullif(column, sa.literal_column("''"))
    if dialect != 'postgresql':
        return sa.func.json_remove(
            text, *(_literal(f'$.{key}') for key in keys)
        )
    found: sa.ColumnElement[Any] = sa.cast(text, postgresql.JSONB)
    for key in keys:
        found = found.op('-')(_literal(key))
    return sa.cast(found, sa.Text)


def _literal(text: str) -> sa.ColumnElement[Any]:
    return sa.literal_column(f"'{text}'")
