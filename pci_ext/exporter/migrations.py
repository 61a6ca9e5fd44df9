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

"""Metrics of migrations of servers with devices, and of reattaches."""

from collections import Counter
import datetime
from typing import Any

import prometheus_client
from prometheus_client import core

from pci_ext.exporter import cloud as cloud_api
from pci_ext.exporter import hosts
from pci_ext.exporter import sources

# Result by the final status of a migration in Nova.
_RESULTS = {
    'completed': 'success',
    'done': 'success',
    'finished': 'success',
    'confirmed': 'success',
    'reverted': 'reverted',
    'cancelled': 'cancelled',
    'error': 'error',
    'failed': 'error',
}

# A user decides when a resize gets these: its duration says nothing.
_DECIDED_BY_USER = frozenset(('confirmed', 'reverted'))

# States of devices that the guest has to get back after a live migration.
_MISSING = frozenset(('detached', 'retrying', 'failed'))

# Before the start of the exporter; servers of live migrations in this time are
# looked at.
_LOOK_BACK = datetime.timedelta(days=1)

# Clocks of hosts differ, and a change is seen some time after its own.
_OVERLAP = datetime.timedelta(minutes=5)

# The types of Nova.
_TYPES = ('evacuation', 'live-migration', 'migration', 'resize')

_LABELS = ('type', 'result')

_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)


class Migrations:
    """Counts migrations that begin after the start of the exporter.

    Earlier ones may have been counted by an exporter before.
    """

    def __init__(self, cloud: cloud_api.Cloud) -> None:
        self._cloud = cloud
        self._started = datetime.datetime.now(datetime.UTC)
        self._since = self._started - _LOOK_BACK
        # Uuids of ended migrations. A resize that ended is listed again when
        # it is confirmed, which may be weeks later.
        self._seen: set[str] = set()
        # Uuids of live migrated servers with devices to be reattached.
        self._incomplete: set[str] = set()
        # In no registry, which would show them before they are read.
        self._number = prometheus_client.Counter(
            'pci_ext_migrations',
            'Migrations of servers with devices that ended.',
            _LABELS,
            registry=None,
        )
        # Prometheus sees no increase in a series that begins with 1.
        for kind in _TYPES:
            for result in sorted(set(_RESULTS.values())):
                self._number.labels(kind, result)
        self._duration = prometheus_client.Histogram(
            'pci_ext_migration_duration_seconds',
            'Duration of the migrations of servers with devices.',
            _LABELS,
            buckets=_BUCKETS,
            registry=None,
        )

    def read(self) -> sources.Families:
        """Count the migrations that ended since the last read."""
        begin = datetime.datetime.now(datetime.UTC)
        for migration in self._cloud.list_migrations(self._since):
            if migration['status'] in _RESULTS:
                self._add(migration)
        missing = self._missing()
        self._since = begin - _OVERLAP
        return [missing, *self._number.collect(), *self._duration.collect()]

    def _add(self, migration: cloud_api.Item) -> None:
        if migration['uuid'] in self._seen:
            return
        server = migration['instance_uuid']
        if self._cloud.list_server_devices(server):
            if migration['migration_type'] == 'live-migration':
                self._incomplete.add(server)
            if hosts.time_of(migration['created_at']) >= self._started:
                self._count(migration)
        self._seen.add(migration['uuid'])

    def _count(self, migration: cloud_api.Item) -> None:
        status = migration['status']
        labels = (migration['migration_type'], _RESULTS[status])
        self._number.labels(*labels).inc()
        if status not in _DECIDED_BY_USER:
            duration = hosts.time_of(migration['updated_at']) - hosts.time_of(
                migration['created_at']
            )
            self._duration.labels(*labels).observe(duration.total_seconds())

    def _missing(self) -> Any:
        """Count the devices that servers have not got back yet."""
        family = core.GaugeMetricFamily(
            'pci_ext_server_missing_devices',
            'Devices of a server that its guest has not got back after a '
            'live migration, by state.',
            labels=('server', 'state'),
        )
        for server in sorted(self._incomplete):
            states = Counter(
                device['state']
                for device in self._cloud.list_server_devices(server)
                if device['state'] in _MISSING
            )
            for state, number in states.items():
                family.add_metric((server, state), number)
            if not states:
                self._incomplete.remove(server)
        return family
