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

"""The schema of the database: its version and its upgrade."""

from alembic import command
from alembic import config as alembic_config
from alembic import script
from alembic.runtime import migration

from pci_ext import exception
from pci_ext.db import api


def _config() -> alembic_config.Config:
    config = alembic_config.Config()
    config.set_main_option('script_location', 'pci_ext.db:alembic')
    return config


def upgrade(revision: str = 'head') -> None:
    """Bring the schema to a revision; by default to that of this release.

    :raises DatabaseVersionUnknown: if its revision is not known
    """
    check_known(version())
    config = _config()
    with api.get_engine().begin() as connection:
        config.attributes['connection'] = connection
        command.upgrade(config, revision)


def version() -> str | None:
    """Return the revision of the schema; None if it has no tables yet."""
    with api.get_engine().connect() as connection:
        context = migration.MigrationContext.configure(connection)
        return context.get_current_revision()


def head() -> str | None:
    """Return the revision that this release needs."""
    return _scripts().get_current_head()


def check_known(revision: str | None) -> None:
    """Check that a revision is known to this release.

    :raises DatabaseVersionUnknown: if it is not
    """
    known = {each.revision for each in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise exception.DatabaseVersionUnknown(version=revision)


def _scripts() -> script.ScriptDirectory:
    return script.ScriptDirectory.from_config(_config())
