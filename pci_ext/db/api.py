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

"""Sessions on the database of PCI flavors."""

import contextlib
from typing import Any

from oslo_config import cfg
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa
from sqlalchemy import orm

from pci_ext import exception
from pci_ext.conf import database


class _Database:
    """The configured database; the engine starts with the first session."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.manager: Any = None


_database = _Database()


@enginefacade.transaction_context_provider
class _Context:
    """Carries one transaction; Nova's contexts carry those of Nova."""


def configure(conf: cfg.ConfigOpts) -> None:
    """Use the database that ``[pci_ext_database]`` names.

    No connection is made yet. A second call with the same options is
    harmless: nova-api does it for each version of its API.

    :param conf: the configuration, with the options of pci_ext registered
    :raises DatabaseNotConfigured: if no connection is set
    """
    options = dict(conf[database.GROUP].items())
    if not options['connection']:
        raise exception.DatabaseNotConfigured()
    if options != _database.options:
        manager = enginefacade.transaction_context()
        # The specs of a PCI flavor go with it, on SQLite too.
        manager.configure(sqlite_fk=True, **options)
        _database.options = options
        _database.manager = manager


def _manager() -> Any:
    if _database.manager is None:
        raise exception.DatabaseNotConfigured()
    return _database.manager


def reader() -> contextlib.AbstractContextManager[orm.Session]:
    """Begin a session that only reads."""
    session: contextlib.AbstractContextManager[orm.Session] = (
        _manager().reader.using(_Context())
    )
    return session


def writer() -> contextlib.AbstractContextManager[orm.Session]:
    """Begin a session whose changes are committed at its end."""
    session: contextlib.AbstractContextManager[orm.Session] = (
        _manager().writer.using(_Context())
    )
    return session


def get_engine() -> sa.Engine:
    """Get the engine of the database, for migrations.

    :raises DatabaseNotConfigured: if no connection is set
    :raises DatabaseUrlInvalid: if it does not parse, or its driver is missing
    """
    manager = _manager()
    try:
        engine: sa.Engine = manager.writer.get_engine()
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise exception.DatabaseUrlInvalid(reason=error) from error
    return engine
