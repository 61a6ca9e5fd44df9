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
"""The HTTP API at many devices, on a MariaDB that is started for this.

The API is that of a nova-api of its own; `nova_api` sends the requests.
"""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
import random
import subprocess
import sys
import tempfile
from typing import Any
import uuid

from nova.db.main import models
import sqlalchemy as sa

from pci_ext.cmd.allinone import templates
from pci_ext.db import models as pci_ext_models
from pci_ext.tests.integration import servers
from tools.bench import cloud
from tools.bench import hosts
from tools.bench import nova_api
from tools.bench import rows

#: Hosts, of twenty devices each.
SIZES = {False: (500,), True: (500, 5_000)}

#: Seconds that a request may take.
TARGETS = {
    f'{request}{nova_api.ELAPSED}': seconds
    for request, seconds in (
        ('GET of a PCI flavor', 0.2),
        ('GET of 1,000 devices', 0.2),
        ('GET of 256 PCI flavors with details', 1.0),
    )
}

_KINDS = 20
_VFS = 6
_CONFIG = """
[DEFAULT]
host = controller
transport_url = fake:///
[api_database]
connection = {api}
[database]
connection = {cell0}
[pci_ext_database]
connection = {pci_ext}
[oslo_messaging_notifications]
driver = pci_ext
"""


def measure(large: bool) -> Iterator[rows.Row]:
    try:
        with servers.MariaDB() as server:
            for number in SIZES[large]:
                yield from _measure(server, number)
    except servers.ServerUnusable as error:
        print(f'The API is not measured: {error}', file=sys.stderr)


def _measure(server: servers.MariaDB, number: int) -> Iterator[rows.Row]:
    urls = cloud.create(server, f'inventory_{number}')
    devices = _fill(urls, number)
    for name, (unit, figure) in _call(urls).items():
        yield rows.Row(
            f'{name}, {devices:,} devices',
            unit,
            figure,
            target=TARGETS.get(name),
        )


def _fill(urls: dict[str, str], number: int) -> int:
    """Fill the databases; return the number of devices."""
    random.seed(number)
    records = []
    devices = []
    for node_id in range(1, number + 1):
        pools, of_host = _host(node_id)
        records.append(hosts.record_of(pools))
        devices += of_host
    cloud.fill(urls, records)
    engine = sa.create_engine(urls['cell1'])
    with engine.begin() as connection:
        cloud.insert(connection, models.PciDevice, devices)
        # MariaDB would do so later.
        connection.execute(sa.text('ANALYZE TABLE pci_devices'))
    engine.dispose()
    engine = sa.create_engine(urls['pci_ext'])
    pci_ext_models.Base.metadata.create_all(engine)
    with engine.begin() as connection:
        _fill_pci_flavors(connection)
    engine.dispose()
    return len(devices)


def _host(node_id: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pools and the devices of a host; servers have half."""
    pools = []
    devices = []
    for pool in hosts.pools_of_host(node_id % _KINDS, unlike=False):
        is_vf = pool['dev_type'] == 'type-VF'
        number = _VFS if is_vf else 1
        free = sum(random.random() < 0.5 for _ in range(number))
        if free:
            pools.append({**pool, 'count': free})
        for place in range(number):
            devices.append(_device(node_id, pool, is_vf, place, place < free))
    return pools, devices


def _device(
    node_id: int, pool: dict[str, Any], is_vf: bool, place: int, is_free: bool
) -> dict[str, Any]:
    card = pool['address']
    extra_info = {'e.generation': pool['e.generation']}
    if is_vf:
        # As libvirt reports them: no two VFs are alike.
        extra_info['capabilities'] = json.dumps(
            {
                'network': ['rx', 'tx', 'sg', 'tso', 'gso', 'gro'],
                'sriov': {
                    'pf_mac_address': f'{card[5:7]}:{node_id:010x}',
                    'vf_num': place,
                },
            }
        )
    return {
        'uuid': str(uuid.uuid4()),
        'compute_node_id': node_id,
        'address': f'{card[:-1]}{place + 1}' if is_vf else card,
        'parent_addr': card if is_vf else None,
        'vendor_id': pool['vendor_id'],
        'product_id': pool['product_id'],
        'dev_type': pool['dev_type'],
        'dev_id': f'pci_{card}_{place}',
        'label': f'label_{pool["vendor_id"]}_{pool["product_id"]}',
        'numa_node': pool['numa_node'],
        'status': 'available' if is_free else 'allocated',
        'instance_uuid': None if is_free else str(uuid.uuid4()),
        'request_id': None if is_free else str(uuid.uuid4()),
        'extra_info': json.dumps(extra_info),
        'deleted': 0,
    }


def _fill_pci_flavors(connection: sa.Connection) -> None:
    """Store PCI flavors of which no two have equal specs."""
    ids = range(1, nova_api.PCI_FLAVORS + 1)
    cloud.insert(
        connection,
        pci_ext_models.PciFlavor,
        [
            {
                'id': place,
                'uuid': str(uuid.uuid4()),
                'name': nova_api.name_of(place),
                'is_public': True,
                'live_migration': 'forbid',
            }
            for place in ids
        ],
    )
    cloud.insert(
        connection,
        pci_ext_models.PciFlavorSpec,
        [
            {'pci_flavor_id': place, 'key': key, 'value': value}
            for place in ids
            for key, value in {
                **(hosts.GPU, hosts.VF)[place % 2],
                'e.generation': f'g{place % _KINDS}|x{place}',
            }.items()
        ],
    )


def _call(urls: dict[str, str]) -> dict[str, tuple[str, float]]:
    """Start nova-api; return the unit and the figure of each measurement."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (
            ('api-paste.ini', templates.API_PASTE),
            ('nova.conf', _CONFIG.format(**urls)),
        ):
            with open(os.path.join(folder, name), 'w') as stream:
                stream.write(text)
        found = os.path.join(folder, 'figures.json')
        log = subprocess.run(
            [sys.executable, '-m', 'tools.bench.nova_api', folder, found],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if log.returncode:
            raise SystemExit(log.stdout)
        with open(found) as stream:
            figures: dict[str, tuple[str, float]] = json.load(stream)
    return figures
