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

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import contextvars
from typing import Any
from typing import cast
from typing import ParamSpec
from typing import TypeVar

from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade
from oslo_log import log as logging
import sqlalchemy as sa
from sqlalchemy import orm

from pci_ext import exception
from pci_ext.conf import database

_P = ParamSpec('_P')
_R = TypeVar('_R')


LOG = logging.getLogger(__name__)

#: oslo.db does not translate all errors, such as a wrong password.
_UNAVAILABLE = (
    db_exception.DBConnectionError,
    db_exception.DBNonExistentDatabase,
    sa.exc.OperationalError,
    sa.exc.TimeoutError,
)


class _Database:
    """The configured database; the engine starts with the first session."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.manager: Any = None


_database = _Database()

_noted: contextvars.ContextVar[list[exception.DatabaseUnusable] | None] = (
    contextvars.ContextVar('pci_ext_database_errors', default=None)
)


@contextlib.contextmanager
def noting_errors() -> Iterator[list[exception.DatabaseUnusable]]:
    """Note for which reasons the database was not usable in this thread.

    Controllers of Nova answer with 500 for every error that they do not know.
    """
    errors: list[exception.DatabaseUnusable] = []
    token = _noted.set(errors)
    try:
        yield errors
    finally:
        _noted.reset(token)


def note(error: exception.DatabaseUnusable) -> exception.DatabaseUnusable:
    """Note an error that is about to be raised, and return it."""
    errors = _noted.get()
    if errors is not None:
        errors.append(error)
    return error


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
        raise note(exception.DatabaseNotConfigured())
    return _database.manager


def reader() -> contextlib.AbstractContextManager[orm.Session]:
    """Begin a session that only reads.

    :raises DatabaseUnusable: if the database does not answer or lacks tables,
        or its connection is invalid or needs a driver that is missing
    """
    return _session(_manager().reader)


def writer() -> contextlib.AbstractContextManager[orm.Session]:
    """Begin a session whose changes are committed at its end.

    :raises DatabaseUnusable: if the database does not answer or lacks tables
    """
    return _session(_manager().writer)


@contextlib.contextmanager
def _session(kind: Any) -> Iterator[orm.Session]:
    """Begin a session.

    :param kind: reader or writer of oslo.db
    """
    try:
        # An engine that cannot be made would be an error of the session.
        get_engine()
        with kind.using(_Context()) as session:
            yield session
    except exception.DatabaseUrlInvalid as error:
        LOG.error(error.format_message())
        raise note(error) from error.__cause__
    except _UNAVAILABLE as error:
        LOG.error('The database of PCI flavors does not answer: %s', error)
        raise note(exception.DatabaseUnavailable()) from error
    except db_exception.DBNonExistentTable as error:
        LOG.error('The database of PCI flavors lacks tables: %s', error)
        raise note(exception.DatabaseNotSynced()) from error


def retried(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Repeat a transaction that the database aborted because of a deadlock."""
    repeating: Callable[_P, _R] = oslo_db_api.wrap_db_retry(
        retry_interval=0.1,
        max_retries=5,
        max_retry_interval=2,
        retry_on_deadlock=True,
    )(function)
    return repeating


def execute(statement: sa.Insert | sa.Delete) -> int:
    """Execute one statement in a transaction, and count its rows."""
    with writer() as session:
        result = cast(sa.CursorResult[Any], session.execute(statement))
        return result.rowcount


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
