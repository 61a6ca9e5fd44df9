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

"""Upgrade check of the database of PCI flavors, and helpers for others."""

from collections.abc import Callable
from collections.abc import Iterable
import functools

import nova.conf
from oslo_db import exception as db_exception
from oslo_upgradecheck import upgradecheck
from sqlalchemy import exc as sa_exc

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import migration
from pci_ext.i18n import _

CONF = nova.conf.CONF

#: oslo.db does not translate all errors, such as a wrong password.
_NO_ANSWER = (db_exception.DBError, sa_exc.SQLAlchemyError)

Check = Callable[[], upgradecheck.Result]


def expected() -> bool:
    """Return whether services of this host use databases."""
    return bool(CONF.api_database.connection)


def not_here() -> upgradecheck.Result:
    """Return the result of a check that is not for a compute host."""
    return upgradecheck.Result(
        upgradecheck.Code.SUCCESS,
        _(
            'Not checked: [api_database] connection is not set, so this is '
            'the configuration of a compute host.'
        ),
    )


def schema() -> upgradecheck.Result:
    """Check that the schema is at the version of this release."""
    if not (expected() or CONF.pci_ext_database.connection):
        return not_here()
    try:
        problem = _problem_of_schema()
    except _NO_ANSWER as error:
        problem = _(
            'The database of PCI flavors does not answer: %s. See that '
            '[pci_ext_database] connection is right, and that its server runs.'
        ) % _first_line(error)
    if problem:
        return upgradecheck.Result(upgradecheck.Code.FAILURE, problem)
    return upgradecheck.Result(upgradecheck.Code.SUCCESS)


def _problem_of_schema() -> str | None:
    try:
        api.configure(CONF)
        found, needed = migration.version(), migration.head()
        migration.check_known(found)
    except exception.DatabaseUnusable as error:
        return error.format_message()
    if found == needed:
        return None
    return _(
        'The database of PCI flavors is at version %(found)s and this release '
        'needs %(needed)s. Run "pci-ext-manage db sync".'
    ) % {'found': found or _('none'), 'needed': needed}


def _first_line(error: Exception) -> str:
    return str(error).partition('\n')[0]


def of_the_cloud(
    problems: Callable[[], Iterable[str]],
) -> Check:
    """Make a check from a function that lists problems in the databases."""

    @functools.wraps(problems)
    def check() -> upgradecheck.Result:
        if not expected():
            return not_here()
        see_schema = [_('Not checked: see Database Schema.')]
        try:
            found = see_schema if _problem_of_schema() else list(problems())
        except exception.DatabaseUnusable:
            found = see_schema
        except _NO_ANSWER as error:
            found = [
                _('Not checked: a database cannot be read: %s.')
                % _first_line(error)
            ]
        if found:
            return upgradecheck.Result(
                upgradecheck.Code.WARNING, ' '.join(found)
            )
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    return check
