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
from oslo_utils import timeutils
from oslo_utils.fixture import uuidsentinel as uuids
import sqlalchemy as sa

from pci_ext import exception
from pci_ext.db import api
from pci_ext.db import models
from pci_ext.db import pci_flavors
from pci_ext.objects import pci_flavor
from pci_ext.tests.component.db import base


def create(name, **values):
    return pci_flavors.create(pci_flavor.PciFlavor(name=name, **values))


def update(name, values):
    found = pci_flavors.get_by_name(name)
    return pci_flavors.update_by_uuid(found.uuid, values)


def delete(name):
    pci_flavors.delete_by_uuid(pci_flavors.get_by_name(name).uuid)


class Statements:
    """Records the statements sent to the database."""

    def __init__(self):
        self.sent = []

    def __enter__(self):
        sa.event.listen(
            api.get_engine(), 'before_cursor_execute', self._record
        )
        return self

    def __exit__(self, *exc_info):
        sa.event.remove(
            api.get_engine(), 'before_cursor_execute', self._record
        )

    def _record(self, connection, cursor, statement, *args):
        if statement != 'BEGIN':
            self.sent.append(statement)


class TestCreate(base.DatabaseTestCase):
    def test_stores_all_fields(self):
        created = create(
            'bigGPU',
            uuid=uuids.gpu,
            description='passthrough Intel’s on-die GPU \U0001f5a5',
            is_public=False,
            live_migration='native',
            specs={'vendor_id': '8086', 'product_id': '000[1-2]'},
            projects=['b', 'a'],
        )
        found = pci_flavors.get_by_uuid(uuids.gpu)
        for flavor in (created, found):
            self.assertEqual('bigGPU', flavor.name)
            self.assertEqual(
                'passthrough Intel’s on-die GPU \U0001f5a5',
                flavor.description,
            )
            self.assertIs(False, flavor.is_public)
            self.assertEqual('native', flavor.live_migration)
            self.assertEqual(
                {'vendor_id': '8086', 'product_id': '000[1-2]'}, flavor.specs
            )
            self.assertIsNone(flavor.updated_at)
            self.assertEqual(set(), flavor.obj_what_changed())
        self.assertEqual(['a', 'b'], found.projects)
        self.assertEqual(created.created_at, found.created_at)
        self.assertLess(
            abs(timeutils.delta_seconds(found.created_at, now())), 60
        )

    def test_generates_a_uuid(self):
        created = create('GPU')
        self.assertEqual('GPU', pci_flavors.get_by_uuid(created.uuid).name)

    def test_refuses_an_existing_name(self):
        create('GPU', specs={'vendor_id': '8086'})
        error = self.assertRaises(exception.PciFlavorExists, create, 'GPU')
        self.assertIn('GPU', str(error))
        self.assertEqual(1, len(pci_flavors.get_all()))

    def test_names_are_case_sensitive(self):
        create('GPU')
        create('gpu')
        create('gpü')
        self.assertEqual('gpu', pci_flavors.get_by_name('gpu').name)
        self.assertEqual('GPU', pci_flavors.get_by_name('GPU').name)

    def test_existing_uuid_is_not_an_existing_name(self):
        create('GPU', uuid=uuids.gpu)
        self.assertRaises(
            db_exception.DBDuplicateEntry, create, 'NIC', uuid=uuids.gpu
        )


class TestGet(base.DatabaseTestCase):
    def test_unknown_pci_flavor_is_not_found(self):
        for get, value in (
            (pci_flavors.get_by_uuid, uuids.missing),
            (pci_flavors.get_by_name, 'missing'),
        ):
            error = self.assertRaises(exception.PciFlavorNotFound, get, value)
            self.assertIn(value, str(error))

    def test_invalid_name_is_not_found(self):
        create('GPU')
        for name in ('', ' ', 'GPU ', 'GPU\0', '\0', '%', 'GP_'):
            self.assertRaises(
                exception.PciFlavorNotFound, pci_flavors.get_by_name, name
            )
            self.assertEqual([], pci_flavors.get_by_names([name]))

    def test_finds_pci_flavors_by_names(self):
        for name in ('C', 'a', 'B'):
            create(name, specs={'vendor_id': name})
        found = pci_flavors.get_by_names(['a', 'none', 'C', 'C'])
        self.assertEqual(
            [('C', {'vendor_id': 'C'}), ('a', {'vendor_id': 'a'})],
            [(flavor.name, flavor.specs) for flavor in found],
        )

    def test_no_names_send_no_statement(self):
        with Statements() as statements:
            self.assertEqual([], pci_flavors.get_by_names([]))
        self.assertEqual([], statements.sent)

    def test_visibility_of_pci_flavors(self):
        create('public', projects=['own'])
        create('private', is_public=False, projects=['own', 'more'])
        for project_id, expected in (
            ('own', ['private', 'public']),
            ('OWN', ['public']),
            ('own ', ['public']),
            ('', ['public']),
            (None, ['public']),
        ):
            visible = pci_flavors.visible_to(project_id)
            for found in (
                pci_flavors.get_all(visible),
                pci_flavors.get_by_names(['public', 'private'], visible),
            ):
                self.assertEqual(expected, [each.name for each in found])

    def test_sorts_by_name(self):
        for name in ('b', 'a', 'B'):
            create(name)
        self.assertEqual(
            ['B', 'a', 'b'], [flavor.name for flavor in pci_flavors.get_all()]
        )

    def test_number_of_pci_flavors_does_not_add_statements(self):
        create('0', specs={'vendor_id': '8086'}, projects=['p'])
        with Statements() as for_one:
            pci_flavors.get_all()
        for number in range(1, 40):
            create(str(number), specs={'vendor_id': '8086'}, projects=['p'])
        with Statements() as for_many:
            self.assertEqual(40, len(pci_flavors.get_all()))
        self.assertEqual(3, len(for_one.sent))
        self.assertEqual(for_one.sent[0], for_many.sent[0])
        self.assertEqual(3, len(for_many.sent))


class TestUpdate(base.DatabaseTestCase):
    def setUp(self):
        super().setUp()
        self.flavor = create(
            'GPU',
            description='old',
            specs={'vendor_id': '8086', 'e.group': 'a'},
            projects=['p'],
        )

    def test_changes_named_fields_only(self):
        for change, key in (
            (pci_flavors.update_by_uuid, self.flavor.uuid),
            (update, 'GPU'),
        ):
            updated = change(key, {'description': 'new'})
            found = pci_flavors.get_by_name('GPU')
            for flavor in (updated, found):
                self.assertEqual('new', flavor.description)
                self.assertEqual(self.flavor.specs, flavor.specs)
                self.assertEqual(['p'], flavor.projects)
                self.assertEqual(self.flavor.created_at, flavor.created_at)
                self.assertLess(
                    abs(timeutils.delta_seconds(flavor.updated_at, now())),
                    60,
                )
            change(key, {'description': 'old'})

    def test_changes_every_field(self):
        update(
            'GPU',
            {
                'name': 'NIC',
                'description': None,
                'is_public': False,
                'live_migration': 'hotplug',
            },
        )
        found = pci_flavors.get_by_uuid(self.flavor.uuid)
        self.assertEqual('NIC', found.name)
        self.assertIsNone(found.description)
        self.assertIs(False, found.is_public)
        self.assertEqual('hotplug', found.live_migration)

    def test_changes_adds_and_removes_specs(self):
        updated = update(
            'GPU',
            {
                'specs': {
                    'vendor_id': '10de',
                    'product_id': '*',
                    'e.group': None,
                    'e.none': None,
                }
            },
        )
        expected = {'vendor_id': '10de', 'product_id': '*'}
        self.assertEqual(expected, updated.specs)
        self.assertEqual(expected, pci_flavors.get_by_name('GPU').specs)

    def test_refuses_an_existing_name(self):
        create('NIC')
        error = self.assertRaises(
            exception.PciFlavorExists,
            update,
            'GPU',
            {'name': 'NIC', 'description': 'new'},
        )
        self.assertIn('NIC', str(error))
        self.assertEqual('old', pci_flavors.get_by_name('GPU').description)

    def test_accepts_its_own_name(self):
        update('GPU', {'name': 'GPU'})
        self.assertEqual('GPU', pci_flavors.get_by_name('GPU').name)

    def test_unknown_pci_flavor_is_not_found(self):
        for change, key in (
            (pci_flavors.update_by_uuid, uuids.missing),
            (update, 'gpu'),
            (update, 'GPU '),
        ):
            self.assertRaises(
                exception.PciFlavorNotFound, change, key, {'name': 'NIC'}
            )

    def test_keeps_both_of_two_concurrent_updates(self):
        # Each thread adds its own keys and renames the PCI flavor. Without
        # a transaction one would undo changes of the other, or fail.
        problems = []

        def add(prefix):
            try:
                for number in range(20):
                    pci_flavors.update_by_uuid(
                        self.flavor.uuid,
                        {
                            'name': f'{prefix}{number}',
                            'specs': {
                                f'e.{prefix}{number}': 'x',
                                'e.shared': prefix if number % 2 else None,
                            },
                        },
                    )
            except Exception as error:
                problems.append(error)

        threads = [
            threading.Thread(target=add, args=(prefix,)) for prefix in 'ab'
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], problems)
        specs = pci_flavors.get_by_uuid(self.flavor.uuid).specs
        self.assertEqual(
            40, len([key for key in specs if key[2:3] in ('a', 'b')])
        )

    def test_retries_after_a_deadlock(self):
        remaining = [db_exception.DBDeadlock(), db_exception.DBDeadlock()]

        def fail(*args):
            if remaining:
                raise remaining.pop()

        sa.event.listen(api.get_engine(), 'before_cursor_execute', fail)
        updated = pci_flavors.update_by_uuid(
            self.flavor.uuid, {'description': 'new'}
        )
        self.assertEqual([], remaining)
        self.assertEqual('new', updated.description)


class TestDelete(base.DatabaseTestCase):
    def test_keeps_other_pci_flavors(self):
        other = create('NIC', specs={'vendor_id': '8086'}, projects=['p'])
        for remove, field in (
            (pci_flavors.delete_by_uuid, 'uuid'),
            (delete, 'name'),
        ):
            flavor = create('GPU', specs={'vendor_id': '10de'}, projects=['p'])
            remove(getattr(flavor, field))
            self.assertEqual(
                [other.uuid], [each.uuid for each in pci_flavors.get_all()]
            )
            with api.reader() as session:
                for model in (models.PciFlavorSpec, models.PciFlavorProject):
                    self.assertEqual(
                        1,
                        session.scalar(
                            sa.select(sa.func.count()).select_from(model)
                        ),
                    )

    def test_unknown_pci_flavor_is_not_found(self):
        create('GPU')
        for remove, key in (
            (pci_flavors.delete_by_uuid, uuids.missing),
            (delete, 'gpu'),
            (delete, 'GPU '),
        ):
            self.assertRaises(exception.PciFlavorNotFound, remove, key)
        self.assertEqual(1, len(pci_flavors.get_all()))


def now():
    return timeutils.utcnow(with_timezone=True)
