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
"""The databases of a cloud: its hosts, as their services wrote them.

They are filled by bulk inserts; services would take hours. Their tables are
those of the models, without the steps of the migrations.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import datetime
from typing import Any
import uuid

from nova.db.api import models as api_models
from nova.db.main import models
from nova.objects import service
from oslo_serialization import jsonutils
from placement.db.sqlalchemy import models as placement_models
import sqlalchemy as sa

from pci_ext.claims import own_aggregate
from pci_ext.tests.integration import servers
from tools.bench import hosts

#: The GPU that the last kind of hosts has, and no other.
WANTED = {'vendor_id': '10de', 'product_id': 'f00d'}

_KINDS = 20
# One host in so many is of the last kind.
_RARE = 100
_ROWS = 1_000
_VCPUS, _MEMORY_MB, _DISK_GB = 64, 524_288, 4_096

_DATABASES = ('api', 'cell0', 'cell1', 'pci_ext', 'placement')

_CELLS = {
    'cell0': '00000000-0000-0000-0000-000000000000',
    'cell1': str(uuid.uuid4()),
}


def records(number: int) -> Iterator[str]:
    """Return the pools of each host, of 20 kinds."""
    kinds = []
    for kind in range(_KINDS):
        pools = hosts.pools_of_host(kind, unlike=False)
        if kind == _KINDS - 1:
            pools[0] |= WANTED
        kinds.append(hosts.record_of(pools))
    for index in range(number):
        rare = index % _RARE == 0
        yield kinds[-1 if rare else index % (_KINDS - 1)]


def has_wanted(host: str) -> bool:
    return int(host.removeprefix('host')) % _RARE == 0


def create(server: servers.MariaDB, suffix: str) -> dict[str, str]:
    """Create the databases of a cloud.

    :param suffix: of their names
    :returns: their URLs by name, as of `fill`
    """
    engine = sa.create_engine(server.connection)
    urls = {}
    with engine.connect() as connection:
        for name in _DATABASES:
            database = f'{name}_{suffix}'
            connection.execute(sa.text(f'CREATE DATABASE {database}'))
            urls[name] = server.url(database)
    engine.dispose()
    return urls


def fill(urls: dict[str, str], records: Sequence[str]) -> None:
    """Create the tables of all databases, and fill those of the hosts.

    :param urls: of the databases api, cell0, cell1 and placement
    :param records: the pools of each host
    """
    uuids = [str(uuid.uuid4()) for _ in records]
    engines = {name: sa.create_engine(url) for name, url in urls.items()}
    api_models.BASE.metadata.create_all(engines['api'])
    for cell in _CELLS:
        models.BASE.metadata.create_all(engines[cell])
    with engines['api'].begin() as connection:
        _fill_api(connection, urls, len(uuids))
    with engines['cell1'].begin() as connection:
        _fill_cell(connection, uuids, records)
    placement_models.BASE.metadata.create_all(engines['placement'])
    with engines['placement'].begin() as connection:
        _fill_placement(connection, uuids)
    for engine in engines.values():
        engine.dispose()


def insert(
    connection: sa.Connection, model: Any, rows: list[dict[str, Any]]
) -> None:
    """Insert rows into the table of a model, a thousand at a time."""
    for start in range(0, len(rows), _ROWS):
        connection.execute(
            sa.insert(model.__table__), rows[start : start + _ROWS]
        )


def _fill_api(
    connection: sa.Connection, urls: dict[str, str], number: int
) -> None:
    insert(
        connection,
        api_models.CellMapping,
        [
            {
                'id': place,
                'uuid': cell_uuid,
                'name': name,
                'transport_url': 'fake:///',
                'database_connection': urls[name],
                'disabled': False,
            }
            for place, (name, cell_uuid) in enumerate(_CELLS.items(), 1)
        ],
    )
    insert(
        connection,
        api_models.HostMapping,
        [{'cell_id': 2, 'host': f'host{index}'} for index in range(number)],
    )


def _fill_cell(
    connection: sa.Connection, uuids: list[str], records: Sequence[str]
) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    insert(
        connection,
        models.Service,
        [
            {
                'uuid': str(uuid.uuid4()),
                'host': f'host{index}',
                'binary': 'nova-compute',
                'topic': 'compute',
                'report_count': 1,
                'disabled': False,
                'forced_down': False,
                'last_seen_up': now,
                'version': service.SERVICE_VERSION,
                'deleted': 0,
            }
            for index in range(len(uuids))
        ],
    )
    topology = jsonutils.dumps(hosts.topology().obj_to_primitive())
    insert(
        connection,
        models.ComputeNode,
        [
            {
                'uuid': node,
                'host': f'host{index}',
                'hypervisor_hostname': f'host{index}',
                'hypervisor_type': 'QEMU',
                'hypervisor_version': 9_000_000,
                'host_ip': '127.0.0.1',
                'vcpus': _VCPUS,
                'vcpus_used': 0,
                'memory_mb': _MEMORY_MB,
                'memory_mb_used': 0,
                'free_ram_mb': _MEMORY_MB,
                'local_gb': _DISK_GB,
                'local_gb_used': 0,
                'free_disk_gb': _DISK_GB,
                'disk_available_least': _DISK_GB,
                'current_workload': 0,
                'running_vms': 0,
                'cpu_info': '{}',
                'supported_instances': '[["x86_64", "kvm", "hvm"]]',
                'metrics': '[]',
                'numa_topology': topology,
                'stats': jsonutils.dumps({own_aggregate.IS_MEMBER: 'true'}),
                'pci_stats': record,
                'mapped': 1,
                'deleted': 0,
                # A host writes its record when a server comes or goes.
                'updated_at': now
                - datetime.timedelta(seconds=index * 7 % 3_600),
            }
            for index, (node, record) in enumerate(
                zip(uuids, records, strict=True)
            )
        ],
    )


def _fill_placement(connection: sa.Connection, uuids: list[str]) -> None:
    ids = range(1, len(uuids) + 1)
    insert(
        connection,
        placement_models.ResourceProvider,
        [
            {
                'id': place,
                'uuid': node,
                'name': f'host{place - 1}',
                'generation': 1,
                'root_provider_id': place,
            }
            for place, node in zip(ids, uuids, strict=True)
        ],
    )
    # The classes have the ids that Placement gives them at its start.
    insert(
        connection,
        placement_models.Inventory,
        [
            {
                'resource_provider_id': place,
                'resource_class_id': resource_class,
                'total': total,
                'reserved': 0,
                'min_unit': 1,
                'max_unit': total,
                'step_size': 1,
                'allocation_ratio': 1.0,
            }
            for place in ids
            for resource_class, total in enumerate(
                (_VCPUS, _MEMORY_MB, _DISK_GB)
            )
        ],
    )
    insert(
        connection,
        placement_models.Trait,
        [{'id': 1, 'name': 'OWNER_NOVA'}],
    )
    insert(
        connection,
        placement_models.ResourceProviderTrait,
        [{'trait_id': 1, 'resource_provider_id': place} for place in ids],
    )
    insert(
        connection,
        placement_models.PlacementAggregate,
        [
            {'id': place, 'uuid': own_aggregate.uuid_of(node)}
            for place, node in zip(ids, uuids, strict=True)
        ],
    )
    insert(
        connection,
        placement_models.ResourceProviderAggregate,
        [
            {'resource_provider_id': place, 'aggregate_id': place}
            for place in ids
        ],
    )
