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

"""The metrics of migrations."""

import datetime

from pci_ext.tests.unit.exporter import base

_LABELS = ('type', 'result')


class MigratingTestCase(base.ExporterTestCase):
    def setUp(self):
        super().setUp()
        self.cloud.devices = {'server': [{'state': 'attached'}], 'plain': []}

    def migrate(
        self,
        uuid,
        status,
        kind='live-migration',
        server='server',
        begin=10,
        end=52,
    ):
        """Add a migration.

        :param begin: in seconds after the start of the exporter
        """
        now = datetime.datetime.now(datetime.UTC)
        begin_time, end_time = (
            now + datetime.timedelta(seconds=seconds)
            for seconds in (begin, end)
        )
        self.cloud.migrations.append(
            {
                'uuid': uuid,
                'status': status,
                'migration_type': kind,
                'instance_uuid': server,
                # Nova has no time zone in these.
                'created_at': begin_time.replace(tzinfo=None).isoformat(),
                'updated_at': end_time.replace(tzinfo=None).isoformat(),
            }
        )


class MigrationsTestCase(MigratingTestCase):
    def ended(self):
        """Return the numbers of ended migrations, without zeros."""
        found = self.values('pci_ext_migrations_total', *_LABELS)
        return {labels: number for labels, number in found.items() if number}

    def test_begins_with_zero(self):
        found = self.values('pci_ext_migrations_total', *_LABELS)
        self.assertEqual(0, found['live-migration', 'error'])

    def test_counts_by_type_and_result(self):
        for number, (status, kind) in enumerate(
            (
                ('completed', 'live-migration'),
                ('completed', 'live-migration'),
                ('running', 'live-migration'),
                ('error', 'live-migration'),
                ('failed', 'live-migration'),
                ('cancelled', 'live-migration'),
                ('finished', 'resize'),
                ('reverted', 'migration'),
                ('done', 'evacuation'),
            )
        ):
            self.migrate(str(number), status, kind)
        self.assertEqual(
            {
                ('live-migration', 'success'): 2,
                ('live-migration', 'error'): 2,
                ('live-migration', 'cancelled'): 1,
                ('resize', 'success'): 1,
                ('migration', 'reverted'): 1,
                ('evacuation', 'success'): 1,
            },
            self.ended(),
        )

    def test_counts_once(self):
        self.migrate('1', 'finished', 'resize')
        self.ended()
        self.cloud.migrations.clear()
        self.migrate('1', 'confirmed', 'resize')
        self.assertEqual({('resize', 'success'): 1}, self.ended())

    def test_counts_one_that_ends_later(self):
        self.migrate('1', 'running')
        self.assertEqual({}, self.ended())
        self.cloud.migrations[0]['status'] = 'error'
        self.assertEqual({('live-migration', 'error'): 1}, self.ended())

    def test_does_not_count_servers_without_devices(self):
        self.migrate('1', 'completed', server='plain')
        self.migrate('2', 'completed', server='deleted')
        self.assertEqual({}, self.ended())
        up = self.values('pci_ext_up', 'source')
        self.assertEqual(1, up['migrations',])

    def test_does_not_count_one_that_began_before(self):
        self.migrate('1', 'completed', begin=-10)
        self.assertEqual({}, self.ended())

    def test_has_the_duration(self):
        self.migrate('1', 'completed', begin=10, end=52)
        families = self.scrape()
        name = 'pci_ext_migration_duration_seconds'
        self.assertEqual(
            {('live-migration', 'success'): 42},
            base.values_in(families, f'{name}_sum', *_LABELS),
        )

    def test_has_no_duration_that_a_user_decided(self):
        self.migrate('1', 'confirmed', 'resize')
        self.assertEqual(
            {},
            self.values('pci_ext_migration_duration_seconds_sum', *_LABELS),
        )

    def test_reads_changes_only(self):
        self.scrape()
        self.scrape()
        first, second = (
            datetime.datetime.fromisoformat(query['changes-since'])
            for path, query in self.cloud.requests
            if path == 'os-migrations'
        )
        now = datetime.datetime.now(datetime.UTC)
        self.assertLess(first, now - datetime.timedelta(hours=23))
        self.assertGreater(second, now - datetime.timedelta(minutes=6))

    def test_reads_the_changes_again_after_an_error(self):
        self.cloud.faults['servers/server/os-pci-devices'] = 503
        self.migrate('1', 'completed')
        families = self.scrape()
        up = base.values_in(families, 'pci_ext_up', 'source')
        self.assertEqual(0, up['migrations',])
        self.cloud.faults.clear()
        self.assertEqual({('live-migration', 'success'): 1}, self.ended())
        first, second = (
            query['changes-since']
            for path, query in self.cloud.requests
            if path == 'os-migrations'
        )
        self.assertEqual(first, second)

    def test_reads_all_pages(self):
        self.cloud.page_size = 2
        for number in range(5):
            self.migrate(str(number), 'completed')
        self.assertEqual({('live-migration', 'success'): 5}, self.ended())


class ReattachTestCase(MigratingTestCase):
    def missing(self):
        return self.values('pci_ext_server_missing_devices', 'server', 'state')

    def test_counts_devices_that_were_not_reattached(self):
        self.cloud.devices['server'] = [
            {'state': 'attached'},
            {'state': 'failed'},
            {'state': 'failed'},
            {'state': 'retrying'},
        ]
        # It began before the exporter.
        self.migrate('1', 'completed', begin=-100, end=-60)
        self.assertEqual(
            {('server', 'failed'): 2, ('server', 'retrying'): 1},
            self.missing(),
        )

    def test_follows_a_server_until_it_has_its_devices(self):
        self.cloud.devices['server'] = [{'state': 'retrying'}]
        self.migrate('1', 'completed')
        self.assertEqual({('server', 'retrying'): 1}, self.missing())
        self.cloud.migrations.clear()
        self.cloud.devices['server'] = [{'state': 'failed'}]
        self.assertEqual({('server', 'failed'): 1}, self.missing())
        self.cloud.devices['server'] = [{'state': 'attached'}]
        self.assertEqual({}, self.missing())
        self.cloud.requests.clear()
        self.assertEqual({}, self.missing())
        self.assertNotIn('servers/server/os-pci-devices', self.cloud.paths())

    def test_forgets_a_server_that_was_deleted(self):
        self.cloud.devices['server'] = [{'state': 'failed'}]
        self.migrate('1', 'completed')
        self.missing()
        del self.cloud.devices['server']
        self.assertEqual({}, self.missing())
