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

"""A database for tests."""

import os

import fixtures
from oslo_config import cfg
from oslotest import base
import sqlalchemy as sa

from pci_ext import conf
from pci_ext.db import api
from pci_ext.db import migration
from pci_ext.tests.component import databases


def config(connection=None):
    """Return the configuration of a service, with this connection."""
    options = cfg.ConfigOpts()
    conf.register_opts(options)
    options([], default_config_files=[])
    options.set_override('connection', connection, 'pci_ext_database')
    return options


class Database(fixtures.Fixture):
    """An empty database for a test; with `sync` it has the tables.

    It is a temporary file, or the existing database that PCI_EXT_TEST_DATABASE
    names; that one has no other use and serves one test at a time.

    :ivar connection: its URL
    """

    def __init__(self, sync=True):
        self.sync = sync

    def _setUp(self):
        named = os.environ.get('PCI_EXT_TEST_DATABASE')
        folder = self.useFixture(fixtures.TempDir())
        self.connection = named or f'sqlite:///{folder.join("pci_ext.sqlite")}'
        self.useFixture(
            fixtures.MonkeyPatch('pci_ext.db.api._database', api._Database())
        )
        api.configure(config(self.connection))
        self.addCleanup(
            empty if named else sa.Engine.dispose, api.get_engine()
        )
        if named:
            empty(api.get_engine())
        if self.sync and named:
            migration.upgrade()
        elif self.sync:
            databases.fill('pci_ext', api.get_engine(), migration.upgrade)


def empty(engine):
    """Drop every table."""
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        tables.drop_all(connection)
    engine.dispose()


class DatabaseTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.database = self.useFixture(Database())
