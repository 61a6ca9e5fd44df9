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

import warnings

from oslotest import base
import sqlalchemy as sa

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import pci_flavors
from pci_ext.tests.component.db import base as db_base


class TestConfigure(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(db_base.Database(sync=False))

    def test_error_names_the_missing_option(self):
        error = self.assertRaises(
            exception.DatabaseNotConfigured, api.configure, db_base.config()
        )
        self.assertIn('[pci_ext_database] connection', str(error))

    def test_refuses_queries_before_the_configuration(self):
        api._database.manager = None
        error = self.assertRaises(
            exception.DatabaseNotConfigured, pci_flavors.get_all
        )
        self.assertIn('[pci_ext_database] connection', str(error))

    def test_configure_does_not_connect(self):
        # A connection would fail: the folder does not exist.
        api.configure(db_base.config('sqlite:////nowhere/at/all'))

    def test_same_configuration_keeps_the_engine(self):
        api.configure(db_base.config('sqlite://'))
        engine = api.get_engine()
        api.configure(db_base.config('sqlite://'))
        self.assertIs(engine, api.get_engine())

    def test_other_connection_replaces_the_engine(self):
        api.configure(db_base.config('sqlite://'))
        engine = api.get_engine()
        api.configure(db_base.config('sqlite:///'))
        self.assertIsNot(engine, api.get_engine())

    def test_engine_accepts_every_option(self):
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            api.configure(db_base.config('sqlite://'))

    def test_enables_foreign_keys_of_sqlite(self):
        api.configure(db_base.config('sqlite://'))
        with api.reader() as session:
            self.assertEqual(1, session.scalar(sa.text('PRAGMA foreign_keys')))
