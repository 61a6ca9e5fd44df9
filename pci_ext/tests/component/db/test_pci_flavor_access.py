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

import threading

from oslo_db import exception as db_exception
from oslo_utils.fixture import uuidsentinel as uuids
import sqlalchemy as sa

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import pci_flavor_access
from pci_ext.db import pci_flavors
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.db import base


def create(name, **values):
    return pci_flavors.create(pci_flavor.PciFlavor(name=name, **values))


class TestProjects(base.DatabaseTestCase):
    def setUp(self):
        super().setUp()
        self.flavor = create('GPU', is_public=False, projects=['b'])
        self.other = create('NIC', is_public=False, projects=['b'])

    def projects(self, name='GPU'):
        return pci_flavors.get_by_name(name).projects

    def test_adds_a_project(self):
        pci_flavor_access.add_project(self.flavor, 'a')
        self.assertEqual(['a', 'b'], self.projects())
        self.assertEqual(['b'], self.projects('NIC'))

    def test_refuses_a_project_with_access(self):
        error = self.assertRaises(
            exception.PciFlavorAccessExists,
            pci_flavor_access.add_project,
            self.flavor,
            'b',
        )
        self.assertEqual(
            'Project b has access to PCI flavor GPU already.',
            str(error),
        )
        self.assertEqual(['b'], self.projects())

    def test_refuses_an_unknown_pci_flavor(self):
        for uuid in (uuids.missing, f'{self.flavor.uuid} '):
            error = self.assertRaises(
                exception.PciFlavorNotFound,
                pci_flavor_access.add_project,
                pci_flavor.PciFlavor(uuid=uuid, name='gone'),
                'a',
            )
            self.assertIn('PCI flavor gone could not', str(error))

    def test_refuses_a_pci_flavor_that_is_deleted_meanwhile(self):
        def fail(connection, cursor, statement, *args):
            if statement.startswith('INSERT INTO pci_flavor_projects'):
                raise db_exception.DBReferenceError(
                    'pci_flavor_projects', 'key', 'id', 'pci_flavors'
                )

        sa.event.listen(api.get_engine(), 'before_cursor_execute', fail)
        self.assertRaises(
            exception.PciFlavorNotFound,
            pci_flavor_access.add_project,
            self.flavor,
            'a',
        )

    def test_one_of_concurrent_additions_succeeds(self):
        outcomes = []

        def add():
            try:
                pci_flavor_access.add_project(self.flavor, 'a')
                outcomes.append('added')
            except exception.PciFlavorAccessExists:
                outcomes.append('exists')
            except Exception as error:
                outcomes.append(error)

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertCountEqual(['added'] + ['exists'] * 7, outcomes)
        self.assertEqual(['a', 'b'], self.projects())

    def test_removes_a_project(self):
        pci_flavor_access.add_project(self.flavor, 'a')
        pci_flavor_access.remove_project(self.flavor, 'b')
        self.assertEqual(['a'], self.projects())
        self.assertEqual(['b'], self.projects('NIC'))

    def test_removed_project_without_access_is_not_found(self):
        for project_id in ('a', 'B', 'b ', ''):
            error = self.assertRaises(
                exception.PciFlavorAccessNotFound,
                pci_flavor_access.remove_project,
                self.flavor,
                project_id,
            )
            self.assertEqual(
                f'Project {project_id} has no access to PCI flavor GPU.',
                str(error),
            )
        self.assertRaises(
            exception.PciFlavorAccessNotFound,
            pci_flavor_access.remove_project,
            pci_flavor.PciFlavor(uuid=uuids.missing, name='gone'),
            'b',
        )
        self.assertEqual(['b'], self.projects())
