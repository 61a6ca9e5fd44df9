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

"""Scans of the devices of a host, which update the changed devices alone.

Nova scans when nova-compute starts. It looks for each device among all others,
and sets all fields of each free device, which saves its record. Here Nova's
scan runs for one device at a time, and only if the report of it changed.
"""

from typing import Any

from nova import objects
from nova.objects import fields
from nova.pci import manager

from pci_ext.claims import grouped_stats

Report = dict[str, Any]


class _Pools:
    """Stands for the pools, which are updated for all devices at once.

    :ivar updated: devices that Nova would put into another pool
    """

    def __init__(self) -> None:
        self.updated: list[objects.PciDevice] = []

    def get_free_devs(self) -> tuple[()]:
        return ()

    def add_device(self, dev: 'objects.PciDevice') -> None:
        self.updated.append(dev)

    def update_device(self, dev: 'objects.PciDevice') -> None:
        self.updated.append(dev)


class _Values:
    """The values of a record before a scan."""

    def __init__(self, record: 'objects.PciDevice') -> None:
        self._record = record
        self._changed = record.obj_what_changed()
        self._values = {
            name: getattr(record, name)
            for name in record.fields
            if record.obj_attr_is_set(name)
        }
        # Nova changes it in place.
        self._values['extra_info'] = dict(record.extra_info)

    def reset_unchanged(self) -> None:
        """Do not save the fields that were set to the values they had."""
        unchanged = {
            name
            for name in self._record.obj_what_changed() - self._changed
            if name in self._values
            and self._values[name] == getattr(self._record, name)
        }
        # Nova would reset all for an empty set.
        if unchanged:
            self._record.obj_reset_changes(unchanged)


class DeviceScan(manager.PciDevTracker):
    """Nova's scan, on behalf of the tracker of a host.

    :param tracker: its records and marks are shared
    """

    def __init__(self, tracker: manager.PciDevTracker) -> None:
        # Nova's own would read the records of the host.
        self._tracker = tracker
        self._context = tracker._context
        self.node_id = tracker.node_id
        self.stale = tracker.stale
        self.to_be_removed_when_freed = tracker.to_be_removed_when_freed
        # The reports of the last scan, by address.
        self._reports: dict[str, Report] = {}

    @staticmethod
    def _build_device_tree(all_devs: 'objects.PciDeviceList') -> None:
        """Leave it to the tracker, which has all devices."""

    def forget_reports(self) -> None:
        """Update all devices at the next scan."""
        self._reports = {}

    def update_changed(
        self, devices: list[Report], pools: grouped_stats.GroupedPciDeviceStats
    ) -> None:
        """Update the records and pools of the devices that changed.

        :param devices: reports of all offered devices, with their attributes
        """
        offered = {report['address']: report for report in devices}
        changed = []
        unknown = dict(offered)
        for record in self._tracker.pci_devs:
            report = unknown.pop(record.address, None)
            if not report or report != self._reports.get(record.address):
                changed.append(record)
        # Nova changes the reports.
        reports = {
            address: dict(report) for address, report in offered.items()
        }
        before = [_Values(record) for record in changed]
        self.stats = _Pools()
        for record in changed:
            report = offered.get(record.address)
            self._scan([record], [report] if report else [])
        for report in unknown.values():
            self._tracker.pci_devs.objects.extend(self._scan([], [report]))
        removed = [
            record
            for record in changed
            if record.status == fields.PciDeviceStatus.REMOVED
        ]
        pools.update_devices(self.stats.updated, removed)
        for values in before:
            values.reset_unchanged()
        self._reports = reports

    def _scan(
        self, records: 'list[objects.PciDevice]', reports: list[Report]
    ) -> 'list[objects.PciDevice]':
        """Run Nova's scan, as if the host had these devices alone."""
        self.pci_devs = objects.PciDeviceList(objects=records)
        self._set_hvdevs(reports)
        return list(self.pci_devs)
