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
"""Boots of servers in nova-scheduler, from end to end.

The databases are MariaDB, started for this; the scheduler and Placement are
the real ones. The processor time of MariaDB is not counted, that of all else
is.
"""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
import statistics
import subprocess
import sys
import tempfile

from pci_ext.tests.integration import servers
from tools.bench import cloud
from tools.bench import rows
from tools.bench import scheduler

SIZES = {False: (300,), True: (1_000, 3_000, 10_000)}
BOOTS = 6

_CONFIG = """
[DEFAULT]
host = controller
transport_url = fake:///
# No service runs, so none reports that it is up.
service_down_time = 86400
[api_database]
connection = {api}
[database]
connection = {cell0}
[placement]
auth_type = admin_token
token = admin
endpoint_override = {endpoint}
[oslo_messaging_notifications]
driver = {driver}
[filter_scheduler]
enabled_filters = ComputeFilter,ComputeCapabilitiesFilter,\
ImagePropertiesFilter,ServerGroupAntiAffinityFilter,\
ServerGroupAffinityFilter,NUMATopologyFilter,PciPassthroughFilter
weight_classes = {weighers}
"""


def measure(large: bool) -> Iterator[rows.Row]:
    try:
        with servers.MariaDB() as server:
            for number in SIZES[large]:
                urls = cloud.create(server, str(number))
                cloud.fill(urls, list(cloud.records(number)))
                yield from _compare(urls, number)
    except servers.ServerUnusable as error:
        print(f'Boots are not measured: {error}', file=sys.stderr)


def _boot(
    urls: dict[str, str], active: bool, request: str
) -> dict[str, float]:
    """Boot servers; return the median milliseconds of each part."""
    weighers = ['nova.scheduler.weights.all_weighers']
    if active:
        weighers.append('pci_ext.scheduler.weights.all_weighers')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'nova.conf')
        with open(path, 'w') as stream:
            stream.write(
                _CONFIG.format(
                    **urls,
                    driver='pci_ext' if active else 'noop',
                    endpoint=scheduler.ENDPOINT,
                    weighers=','.join(weighers),
                )
            )
        found = os.path.join(folder, 'boots.json')
        log = subprocess.run(
            [
                sys.executable,
                '-m',
                'tools.bench.scheduler',
                path,
                urls['placement'],
                found,
                str(BOOTS),
                request,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if log.returncode:
            raise SystemExit(log.stdout)
        with open(found) as stream:
            boots = json.load(stream)
    for boot in boots:
        boot['all'] = sum(boot[key] for key in boot.keys() - {'wall'})
    return {
        part: statistics.median(boot.get(part, 0.0) for boot in boots) * 1e3
        for part in ('all', *scheduler.PARTS, 'other', 'wall')
    }


def _in_turns(
    urls: dict[str, str], request: str, nova_request: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the least of each part, with pci_ext and without it."""
    found = [
        (_boot(urls, True, request), _boot(urls, False, nova_request))
        for _ in range(2)
    ]
    one, other = (
        {part: min(each[part] for each in side) for part in side[0]}
        for side in zip(*found, strict=True)
    )
    return one, other


def _compare(urls: dict[str, str], number: int) -> Iterator[rows.Row]:
    ours, rival = _in_turns(urls, 'PCI flavor', 'alias')
    for part in ours:
        yield rows.Row(
            f'boot, {number:,} hosts, {part}', 'ms', ours[part], rival[part]
        )
    yield rows.Row(
        f'boots a second, {number:,} hosts',
        rows.PER_SECOND,
        1e3 / ours['wall'],
        1e3 / rival['wall'],
    )
    ours, rival = _in_turns(urls, 'no devices', 'no devices')
    yield rows.Row(
        f'boot without devices, {number:,} hosts',
        'ms',
        ours['all'],
        rival['all'],
        0.98,
    )
