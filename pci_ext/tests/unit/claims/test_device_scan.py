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

from __future__ import annotations

import copy
import functools
import itertools
import types
from typing import Any

import fixtures
import hypothesis
from hypothesis import strategies as st
from nova import objects
from nova.objects import fields
from oslo_config import fixture as config_fixture
from oslo_serialization import jsonutils
from oslotest import base

from pci_ext.claims import offered_devices
from pci_ext.claims import tracker
from pci_ext.tests import fixtures as pci_ext_fixtures

PF = '0000:81:00.0'
VFS = ('0000:81:00.1', '0000:81:00.2')
OTHERS = ('0000:01:00.0', '0000:02:00.0')
ADDRESSES = (*OTHERS, PF, *VFS)

SERVERS = ('server-1', 'server-2')

VARIANTS: tuple[dict[str, Any] | None, ...] = (
    {},
    {'product_id': '0002'},
    {'product_id': '0003'},
    {'numa_node': 1},
    {'class': '030000'},
    {'dev_type': 'type-PCI', 'parent_addr': None},
    {'parent_ifname': 'eth0', 'capabilities': {'network': ['rx']}},
    # The host has no such device.
    None,
)

# The values of pci_devices and of pci_information.
OFFERS: tuple[tuple[list[str], list[str]], ...] = (
    ([], ['[{"vendor_id": "8086"}, {}]']),
    ([], ['[{"vendor_id": "8086"}, {"e.group": "a"}]']),
    (
        ['01:00.0|10GE', '81:00.1|10GE'],
        ['[{"class": "03.*"}, {"e.rack": "1"}]', '[{"dev_type": "*"}, {}]'],
    ),
    (['02:00.0|25GE'], ['[{"dev_type": "type-VF"}, {"e.rack": "2"}]']),
    ([], ['[{"dev_type": "type-PF"}, {}]']),
    ([], []),
)


def report_of(address: str, **values: Any) -> dict[str, Any]:
    return {
        'address': address,
        'vendor_id': '8086',
        'product_id': '0001',
        'dev_id': f'pci_{address}',
        'label': 'label',
        'numa_node': 0,
        'dev_type': 'type-PF' if address == PF else 'type-VF',
        'parent_addr': PF if address in VFS else None,
        **({'dev_type': 'type-PCI'} if address in OTHERS else {}),
        **values,
    }


class Table:
    """The table pci_devices, in place of a context.

    :ivar written: addresses of rows, in the order they were written
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.written: list[str] = []
        self._ids = itertools.count(1)

    def load(self) -> objects.PciDeviceList:
        return objects.PciDeviceList(
            objects=[
                self._set(objects.PciDevice(self), row)
                for row in self.rows.values()
            ]
        )

    def save(self, record: objects.PciDevice) -> None:
        if record.status == fields.PciDeviceStatus.REMOVED:
            record.status = fields.PciDeviceStatus.DELETED
            del self.rows[record.address]
            self.written.append(record.address)
        elif record.status != fields.PciDeviceStatus.DELETED:
            changes = record.obj_get_changes()
            if changes:
                row = self.rows.get(record.address) or {
                    'id': next(self._ids),
                    'instance_uuid': None,
                    'request_id': None,
                }
                self.rows[record.address] = {**row, **copy.deepcopy(changes)}
                self.written.append(record.address)
                self._set(record, self.rows[record.address])

    def _set(
        self, record: objects.PciDevice, row: dict[str, Any]
    ) -> objects.PciDevice:
        for name, value in copy.deepcopy(row).items():
            setattr(record, name, value)
        record.obj_reset_changes()
        return record


class PlainTracker(tracker.PciDevTracker):
    """Updates all devices at each scan, by Nova's own code."""

    def _update_records(self, devices: list[dict[str, Any]]) -> None:
        self.stats.update_device = self._update_pool
        super(tracker.PciDevTracker, self)._set_hvdevs(devices)

    def _update_pool(self, device: objects.PciDevice) -> None:
        offered_devices.drop_attributes(
            device, self.dev_filter.get_devspec(device)
        )
        if any(free is device for free in self.stats.get_free_devs()):
            self.stats.remove_device(device)
        if device.is_available():
            self.stats.add_device(device)


class Host:
    """A host whose devices change, and are claimed and freed."""

    def __init__(
        self,
        conf: config_fixture.Config,
        make_tracker: type[tracker.PciDevTracker],
    ) -> None:
        self.table = Table()
        self.reports = {address: report_of(address) for address in ADDRESSES}
        self._conf = conf
        self._make_tracker = make_tracker
        self.offer(OFFERS[0])
        self.restart()

    def restart(self) -> None:
        """Start nova-compute anew."""
        self.tracker = self._make_tracker(
            self.table,
            types.SimpleNamespace(id=1, host='host', numa_topology=None),
        )
        self.scan()

    def scan(self) -> None:
        self.tracker.rescan(jsonutils.dumps(list(self.reports.values())))

    def save(self) -> None:
        self.tracker.save(self.table)

    def offer(self, options: tuple[list[str], list[str]]) -> None:
        pci_devices, pci_information = options
        self._conf.config(
            group='pci_ext',
            pci_devices=pci_devices,
            pci_information=pci_information,
        )

    def change(self, address: str, variant: dict[str, Any] | None) -> None:
        self.reports.pop(address, None)
        if variant is not None:
            self.reports[address] = report_of(address, **variant)

    def claim(self, address: str, server: str) -> None:
        """Claim a device if it is free; Nova would choose one of its pool."""
        stats = self.tracker.stats
        for pool in stats.pools:
            for device in list(pool['devices']):
                if device.address == address:
                    pool['devices'].remove(device)
                    pool['devices'].append(device)
                    pool['count'] -= 1
                    stats._allocate_devs(pool, 1, 'request')
                    device.claim(server)
                    self.tracker.claims[server].append(device)
                    return

    def allocate(self, server: str) -> None:
        self.tracker.allocate_instance({'uuid': server})

    def free(self, server: str) -> None:
        for devices in (self.tracker.allocations, self.tracker.claims):
            for device in devices.pop(server, ()):
                self.tracker._free_device(device)

    def state(self) -> dict[str, Any]:
        """Return all of the tracker that is used between two scans."""
        pools = {
            jsonutils.dumps(
                {
                    key: value
                    for key, value in pool.items()
                    if key not in ('count', 'devices')
                },
                sort_keys=True,
            ): (pool['count'], sorted(dev.address for dev in pool['devices']))
            for pool in self.tracker.stats.pools
            if pool['devices']
        }
        return {
            'rows': {
                address: {**row, 'uuid': None}
                for address, row in self.table.rows.items()
            },
            'pools': pools,
            'removed later': sorted(self.tracker.to_be_removed_when_freed),
            'records': [
                {
                    'values': {
                        name: getattr(device, name)
                        for name in device.fields
                        if name in device and name != 'uuid'
                    },
                    'parent': device.parent_device
                    and device.parent_device.address,
                    'children': [
                        child.address for child in device.child_devices
                    ],
                }
                for device in self.tracker.pci_devs
            ],
        }


ADDRESS = st.sampled_from(ADDRESSES)
SERVER = st.sampled_from(SERVERS)
CHANGE = st.tuples(st.just('change'), ADDRESS, st.sampled_from(VARIANTS))
OFFER = st.tuples(st.just('offer'), st.sampled_from(OFFERS))
SCAN = st.just(('scan',))
STEP = st.one_of(
    st.lists(CHANGE, min_size=1, max_size=3).flatmap(
        lambda changes: st.just([*changes, ('scan',), ('save',)])
    ),
    st.tuples(OFFER, SCAN),
    st.tuples(CHANGE, SCAN),
    st.tuples(st.tuples(st.just('claim'), ADDRESS, SERVER)),
    st.tuples(st.tuples(st.just('allocate'), SERVER)),
    st.tuples(st.tuples(st.just('free'), SERVER)),
    st.just((('save',),)),
    st.just((('restart',),)),
)


class DeviceScanTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(pci_ext_fixtures.Activation()).conf
        self.conf.config(
            group='pci',
            device_spec=[
                '{"product_id": "0002", "physical_network": "net"}',
                '{"product_id": "0003", "managed": "false"}',
            ],
        )
        for name, function in (
            ('PciDevice.save', lambda record: record._context.save(record)),
            (
                'PciDeviceList.get_by_compute_node',
                lambda cls, table, _: objects.PciDeviceList(
                    objects=table.load()
                ),
            ),
        ):
            self.useFixture(
                fixtures.MonkeyPatch(f'nova.objects.{name}', function)
            )
        self.host = functools.partial(Host, self.conf, tracker.PciDevTracker)

    @hypothesis.given(st.lists(STEP, max_size=12))
    def test_same_as_an_update_of_all_devices(
        self, steps: list[list[tuple[Any, ...]]]
    ) -> None:
        host, plain = self.host(), Host(self.conf, PlainTracker)
        for name, *values in itertools.chain.from_iterable(steps):
            for each in (host, plain):
                getattr(each, name)(*values)
            self.assertEqual(plain.state(), host.state(), name)
        self.assertLessEqual(len(host.table.written), len(plain.table.written))

    def written(self, host: Host) -> list[str]:
        """Return the addresses of the rows that a scan writes."""
        host.table.written.clear()
        host.scan()
        host.save()
        return host.table.written

    def test_writes_the_row_of_a_changed_device_alone(self) -> None:
        host = self.host()
        # The network interface of a VF is gone while a guest has it.
        host.change(VFS[0], {'parent_ifname': 'eth0'})
        self.assertEqual([VFS[0]], self.written(host))
        # Nova keeps properties that are not reported any more.
        host.change(VFS[0], {})
        self.assertEqual([], self.written(host))

    def test_writes_no_row_if_nothing_changed(self) -> None:
        host = self.host()
        host.save()
        host.restart()
        self.assertEqual([], self.written(host))
        self.conf.config(group='pci_ext', pci_devices=['09:00.0|absent'])
        self.assertEqual([], self.written(host))

    def test_writes_the_row_of_a_removed_device_once(self) -> None:
        host = self.host()
        host.change(OTHERS[0], None)
        self.assertEqual([OTHERS[0]], self.written(host))

    def test_updates_the_changed_device_alone(self) -> None:
        host = self.host()
        host.change(VFS[0], {'parent_ifname': 'eth0'})
        updated = []
        update = objects.PciDevice.update_device

        def update_device(
            device: objects.PciDevice, report: dict[str, Any]
        ) -> None:
            updated.append(device.address)
            update(device, report)

        with fixtures.MonkeyPatch(
            'nova.objects.PciDevice.update_device', update_device
        ):
            host.scan()
        self.assertEqual([VFS[0]], updated)

    def test_work_is_in_proportion_to_the_devices(self) -> None:
        self.assertEqual(2 * self.reads_of(20), self.reads_of(40))

    def reads_of(self, count: int) -> int:
        """Count the reads of addresses in the first scan after a restart."""
        host = self.host()
        for number in range(count):
            host.change(f'0000:{number + 16:02x}:00.0', {})
        host.scan()
        for address in ADDRESSES:
            host.change(address, None)
        host.scan()
        host.save()
        address_of = objects.PciDevice.address
        reads = []

        def read_address(device: objects.PciDevice) -> str:
            address = str(address_of.fget(device))
            reads.append(address)
            return address

        with fixtures.MonkeyPatch(
            'nova.objects.PciDevice.address',
            property(read_address, address_of.fset),
        ):
            host.restart()
        return len(reads)
