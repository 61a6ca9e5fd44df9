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

"""Everything that is on record about devices, read at one time."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import json
import os
import threading
import time
from typing import Any

from pci_ext.tests.functional import process
from pci_ext.tests.functional.random_life import databases
from pci_ext.tests.functional.random_life import hosts

#: Seconds between looks for a change.
_POLL = 0.01

#: How often to read a state that changes meanwhile.
_ATTEMPTS = 4

_METADATA_PREFIX = 'pci_ext'

_SERVERS = """
    SELECT instances.uuid, display_name, host, vm_state, task_state,
           extra.pci_requests
    FROM instances JOIN instance_extra AS extra
    ON extra.instance_uuid = instances.uuid WHERE instances.deleted = 0
"""
_METADATA = f"""
    SELECT instance_uuid, key, value FROM instance_system_metadata
    WHERE deleted = 0 AND key LIKE '{_METADATA_PREFIX}%'
"""
_DEVICES = """
    SELECT nodes.host, address, product_id, status, instance_uuid, request_id
    FROM pci_devices JOIN compute_nodes AS nodes
    ON nodes.id = compute_node_id WHERE pci_devices.deleted = 0
"""
_MIGRATIONS = """
    SELECT id, instance_uuid, uuid, status, source_compute, dest_compute,
        migration_type
    FROM migrations WHERE deleted = 0
    OR status NOT IN ('completed', 'confirmed', 'done', 'reverted')
"""
_EVENTS = """
    SELECT actions.instance_uuid, event, request_id
    FROM instance_actions_events AS events
    JOIN instance_actions AS actions ON actions.id = action_id
    WHERE events.finish_time IS NULL
"""
_POOLS = 'SELECT host, pci_stats FROM compute_nodes WHERE deleted = 0'
_UNSCHEDULED = 'SELECT instance_uuid FROM build_requests'
_CONSUMERS = """
    SELECT consumers.uuid, providers.name, classes.name, SUM(used)
    FROM allocations JOIN consumers ON consumers.uuid = consumer_id
    JOIN resource_providers AS providers
    ON providers.id = resource_provider_id
    LEFT JOIN resource_classes AS classes ON classes.id = resource_class_id
    GROUP BY 1, 2, 3
"""


@dataclasses.dataclass(frozen=True)
class Server:
    """A server in the database of its cell.

    :ivar requests: by id, the number of devices of each PCI request
    :ivar attaching: ids of the requests whose attach is not completed
    :ivar metadata: what pci_ext keeps with the server
    """

    uuid: str
    name: str
    host: str | None
    vm_state: str
    task_state: str | None
    requests: Mapping[str, int]
    attaching: frozenset[str]
    metadata: Mapping[str, str]

    def marks(self, kind: str) -> dict[str, str]:
        """Return the metadata of a kind, such as ``detach``, by name."""
        prefix = f'{_METADATA_PREFIX}:{kind}:'
        return {
            key.removeprefix(prefix): value
            for key, value in self.metadata.items()
            if key.startswith(prefix)
        }


@dataclasses.dataclass(frozen=True)
class Device:
    """A row of Nova's table pci_devices."""

    host: str
    address: str
    product_id: str
    status: str
    server: str | None
    request_id: str | None


@dataclasses.dataclass(frozen=True)
class Migration:
    """A row of Nova's table migrations."""

    id: int
    server: str
    uuid: str
    status: str
    source: str
    destination: str | None
    type: str


@dataclasses.dataclass(frozen=True)
class State:
    """The contents of databases and hypervisors.

    :ivar servers: by uuid
    :ivar guests: by host and server, the devices of each running guest
    :ivar definitions: by host and server, the devices of each definition
    :ivar pools: by host and product id, the number of free devices
    :ivar unfinished_events: server, name and request of each
    :ivar allocations: consumer, provider, class and amount in Placement
    :ivar unscheduled: the uuids of servers that are in no cell yet
    """

    servers: Mapping[str, Server]
    devices: tuple[Device, ...]
    guests: Mapping[tuple[str, str], frozenset[str]]
    definitions: Mapping[tuple[str, str], frozenset[str]]
    migrations: tuple[Migration, ...]
    pools: Mapping[tuple[str, str], int]
    unfinished_events: tuple[tuple[str, str, str], ...]
    allocations: tuple[tuple[str, str, str, int], ...]
    unscheduled: tuple[str, ...]

    def devices_of(self, server: str) -> list[Device]:
        return [each for each in self.devices if each.server == server]


class Reader:
    """Reads the state of a cloud.

    :param cloud: it need not be started yet
    """

    def __init__(self, cloud: process.AllInOne) -> None:
        self._databases = databases.Databases(cloud.data_dir)
        self._files = {host: cloud.domains_file(host) for host in hosts.HOSTS}
        self._lock = threading.Lock()
        self._version: tuple[object, ...] = ()
        self._state: State | None = None

    def read(self) -> State:
        """Read the state; the same object as long as nothing changes."""
        with self._lock:
            for _ in range(_ATTEMPTS):
                version = self._current_version()
                if self._state is not None and version == self._version:
                    return self._state
                state = self._read()
                if self._current_version() == version:
                    self._version, self._state = version, state
                    break
            return state

    def wait_for_change(self, timeout: float) -> None:
        """Wait until the state that was read last is no longer the state.

        :param timeout: the most seconds to wait
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            time.sleep(_POLL)
            with self._lock:
                if self._current_version() != self._version:
                    return

    def close(self) -> None:
        self._databases.close()

    def _current_version(self) -> tuple[object, ...]:
        found: list[object] = [self._databases.version()]
        for path in self._files.values():
            try:
                status = os.stat(path)
            except FileNotFoundError:
                found.append(None)
            else:
                found.append((status.st_ino, status.st_mtime_ns))
        return tuple(found)

    def _read(self) -> State:
        query = self._databases.query
        # Before the servers, which leave it when they are in a cell.
        unscheduled = query('nova_api', _UNSCHEDULED)
        servers = {
            server.uuid: server
            for name in ('nova_cell0', 'nova_cell1')
            for server in _servers(
                query(name, _SERVERS), query(name, _METADATA)
            )
        }
        guests: dict[tuple[str, str], frozenset[str]] = {}
        definitions: dict[tuple[str, str], frozenset[str]] = {}
        for host, path in self._files.items():
            _read_domains(path, host, guests, definitions)
        devices = query('nova_cell1', _DEVICES)
        migrations = query('nova_cell1', _MIGRATIONS)
        return State(
            servers=servers,
            devices=tuple(Device(*row) for row in devices),
            guests=guests,
            definitions=definitions,
            migrations=tuple(Migration(*row) for row in migrations),
            pools=_pools(query('nova_cell1', _POOLS)),
            unfinished_events=tuple(query('nova_cell1', _EVENTS)),
            allocations=tuple(query('placement', _CONSUMERS)),
            unscheduled=tuple(uuid for (uuid,) in unscheduled),
        )


def _servers(
    servers: Iterable[Any], rows: Iterable[tuple[str, str, str]]
) -> Iterator[Server]:
    metadata: dict[str, dict[str, str]] = {}
    for uuid, key, value in rows:
        metadata.setdefault(uuid, {})[key] = value
    for *row, text in servers:
        requests = json.loads(text or '[]')
        yield Server(
            *row,
            requests={each['request_id']: each['count'] for each in requests},
            attaching=frozenset(
                each['request_id']
                for each in requests
                if (each['requester_id'] or '').startswith('pci_ext:attaching')
            ),
            metadata=metadata.get(row[0], {}),
        )


def _read_domains(
    path: str,
    host: str,
    guests: dict[tuple[str, str], frozenset[str]],
    definitions: dict[tuple[str, str], frozenset[str]],
) -> None:
    try:
        with open(path, encoding='utf-8') as stream:
            domains = json.load(stream)
    except FileNotFoundError:
        # It is written with the first domain.
        return
    for uuid, domain in domains.items():
        definitions[host, uuid] = frozenset(domain['definition'])
        if domain['guest'] is not None:
            guests[host, uuid] = frozenset(domain['guest'])


def _pools(rows: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for host, text in rows:
        pools = json.loads(text)['nova_object.data']['objects'] if text else []
        for pool in pools:
            values = pool['nova_object.data']
            if values['count']:
                key = host, values['product_id']
                found[key] = found.get(key, 0) + values['count']
    return found
