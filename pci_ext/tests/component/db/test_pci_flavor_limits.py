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

from oslo_utils.fixture import uuidsentinel as uuids
import sqlalchemy as sa

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import models
from pci_ext.db import pci_flavor_limits as db
from pci_ext.db import pci_flavors
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.db import base


class TestLimits(base.DatabaseTestCase):
    def setUp(self):
        super().setUp()
        self.gpu = self.create('GPU')
        self.nic = self.create('NIC')

    def create(self, name):
        return pci_flavors.create(pci_flavor.PciFlavor(name=name)).uuid

    def test_pci_flavor_has_no_limits_by_default(self):
        self.assertEqual({}, db.get(self.gpu))
        self.assertEqual({}, db.get_for_project([self.gpu], 'p'))

    def test_update_changes_named_limits_only(self):
        db.update(self.gpu, {db.DEFAULT: 4, 'p': 8})
        db.update(self.gpu, {'p': 0, 'q': -1})
        db.update(self.nic, {'p': 1})
        self.assertEqual({db.DEFAULT: 4, 'p': 0, 'q': -1}, db.get(self.gpu))
        db.update(self.gpu, {'p': None, db.DEFAULT: None, 'never': None})
        self.assertEqual({'q': -1}, db.get(self.gpu))

    def test_limit_of_a_project_overrides_the_default(self):
        db.update(self.gpu, {db.DEFAULT: 4, 'p': 8, 'q': -1})
        db.update(self.nic, {'r': 2})

        def gpu(devices):
            return db.Limit('GPU', devices)

        asked = [self.gpu, self.nic, uuids.none]
        for project_id, expected in (
            ('p', {self.gpu: gpu(8)}),
            ('q', {}),
            ('r', {self.gpu: gpu(4), self.nic: db.Limit('NIC', 2)}),
            ('P', {self.gpu: gpu(4)}),
        ):
            self.assertEqual(expected, db.get_for_project(asked, project_id))

    def test_refuses_an_unknown_pci_flavor(self):
        self.assertRaises(
            exception.PciFlavorNotFound, db.update, uuids.none, {'p': 1}
        )
        self.assertEqual({}, db.get(uuids.none))

    def test_deletion_of_the_pci_flavor_deletes_its_limits(self):
        db.update(self.gpu, {db.DEFAULT: 4, 'p': 8})
        pci_flavors.delete_by_uuid(self.gpu)
        with api.reader() as session:
            self.assertEqual(
                [], list(session.scalars(sa.select(models.PciFlavorLimit)))
            )

    def test_update_keeps_updated_at_of_the_pci_flavor(self):
        db.update(self.gpu, {'p': 8})
        self.assertIsNone(pci_flavors.get_by_uuid(self.gpu).updated_at)
