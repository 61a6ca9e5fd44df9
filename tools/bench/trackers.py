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
"""The tracker of a compute host: its start, a scan, and its report."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import types
from typing import Any
from unittest import mock

import fixtures
from nova import objects
from nova.pci import manager
from nova.pci import stats as nova_stats
from nova.pci import whitelist
from oslo_serialization import jsonutils

from tools.bench import claims
from tools.bench import hosts
from tools.bench import rows

#: Devices of a host that starts.
STARTS = {False: 1_024, True: 8_192}
#: Devices of a host that is scanned, of which one has changed.
SCANNED = 1_040
_OF_POOL = 64
_POOLS = 64


def _records(number: int) -> list[objects.PciDevice]:
    """Return devices as the database has them."""
    records = claims.devices(number, number // _OF_POOL)
    for record in records:
        record.instance_uuid = record.request_id = None
        record.label = f'label_{record.product_id}'
        record.obj_reset_changes()
    return records


def _reports(records: list[objects.PciDevice]) -> list[dict[str, Any]]:
    """Return what the hypervisor reports of devices."""
    keys = (
        'address',
        'vendor_id',
        'product_id',
        'dev_id',
        'dev_type',
        'label',
        'numa_node',
        'parent_addr',
    )
    return [{key: getattr(record, key) for key in keys} for record in records]


@contextlib.contextmanager
def _nova_alone() -> Iterator[None]:
    with (
        mock.patch.object(nova_stats, 'PciDeviceStats', hosts.NovaStats),
        mock.patch.object(whitelist, 'Whitelist', hosts.NovaWhitelist),
    ):
        yield


def _start(
    make: Callable[..., Any], records: list[objects.PciDevice], devices: str
) -> Any:
    """Start a tracker of a host with records, and scan the first time."""
    node = types.SimpleNamespace(id=1, host='host', numa_topology=None)
    with fixtures.MonkeyPatch(
        'nova.objects.PciDeviceList.get_by_compute_node',
        lambda *_: objects.PciDeviceList(objects=records),
    ):
        tracker = make(None, node)
    tracker.update_devices_from_hypervisor_resources(devices)
    return tracker


def _start_ours(records: list[objects.PciDevice], devices: str) -> Any:
    return _start(manager.PciDevTracker, records, devices)


def _start_novas(records: list[objects.PciDevice], devices: str) -> Any:
    with _nova_alone():
        return _start(hosts.NovaTracker, records, devices)


def measure(large: bool) -> Iterator[rows.Row]:
    claims.offer_devices()
    yield _measure_start(STARTS[large])
    yield _measure_scan()
    yield _measure_report()


def _measure_start(number: int) -> rows.Row:
    devices = jsonutils.dumps(_reports(_records(number)))

    def run(start: Callable[..., Any]) -> float:
        records = _records(number)
        return rows.seconds(lambda: start(records, devices))

    one, other = rows.in_turns(
        lambda: run(_start_ours), lambda: run(_start_novas), 2
    )
    return rows.Row(f'start of a tracker, {number:,} VFs', 's', one, other)


def _measure_scan() -> rows.Row:
    reports = _reports(_records(SCANNED))
    before = jsonutils.dumps(reports)
    # As if the network device of a VF had gone into a guest.
    reports[SCANNED // 2]['capabilities'] = {'network': ['rx', 'tx']}
    changed = jsonutils.dumps(reports)
    ours = _start_ours(_records(SCANNED), before)
    rival = _start_novas(_records(SCANNED), before)

    def scan(tracker: Any) -> float:
        found = rows.seconds(
            lambda: tracker.update_devices_from_hypervisor_resources(changed)
        )
        tracker.update_devices_from_hypervisor_resources(before)
        return found * 1e3

    one, other = rows.in_turns(lambda: scan(ours), lambda: scan(rival), 5)
    name = f'scan of {SCANNED:,} VFs, one changed'
    return rows.Row(name, 'ms', one, other)


def _measure_report() -> rows.Row:
    """Compare the bytes in the table of compute nodes."""
    one, other = (
        len(jsonutils.dumps(stats.to_device_pools_obj().obj_to_primitive()))
        for stats in claims.hosts_with(_POOLS, _POOLS)
    )
    return rows.Row(f'report of {_POOLS} pools', 'bytes', one, other)
