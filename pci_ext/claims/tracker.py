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
"""Seam: the tracker of the devices of a compute host.

The options ``pci_devices`` and ``pci_information`` may change while
nova-compute runs. Each scan uses their current values, and updates the devices
that changed; all of them if the options have changed. A device that is no
longer offered but in use stays until it is freed, as in Nova, and is marked
as withdrawn in its record, so that operators can see it. The same happens to
devices of a card while others of the card are in use.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import operator
from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states
from nova.compute import vm_states
from nova.objects import fields
from nova.pci import manager
from oslo_config import cfg
from oslo_log import log as logging
from oslo_serialization import jsonutils
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.activation import seam
from pci_ext.claims import device_scan
from pci_ext.claims import offered_devices
from pci_ext.claims import sriov_status
from pci_ext.claims import unmatched_entries

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

OfferOptions = tuple[tuple[str, ...], tuple[str, ...]]

#: Statuses of the devices of servers.
IN_USE = (fields.PciDeviceStatus.CLAIMED, fields.PciDeviceStatus.ALLOCATED)


def _options() -> OfferOptions:
    return tuple(CONF.pci_ext.pci_devices), tuple(CONF.pci_ext.pci_information)


def _mark_withdrawn(device: 'objects.PciDevice', withdrawn: bool) -> None:
    if withdrawn == (server_state.WITHDRAWN in device.extra_info):
        return
    # A change is saved only if the field is set.
    changed = dict(device.extra_info)
    if withdrawn:
        changed[server_state.WITHDRAWN] = 'true'
    else:
        del changed[server_state.WITHDRAWN]
    device.extra_info = changed


def _model(vendor_id: str, product_id: str) -> str:
    return f'{vendor_id}:{product_id}'


#: Statuses of a migration whose server has devices on both hosts.
_REVERTIBLE = ('finished', 'confirming', 'reverting')

#: Cold migrations. If one fails, a domain may be defined on each host.
_COLD = (fields.MigrationType.MIGRATION, fields.MigrationType.RESIZE)


class PciDevTracker(manager.PciDevTracker):
    """Nova's tracker, which reads the offered devices again at each scan."""

    #: Tells whether the guest of a server runs on this host; None if the
    #: driver cannot tell. Only the uuid of the server may be known.
    runs_here: 'Callable[[objects.Instance], bool] | None' = None

    #: The same for a guest that is defined, running or not.
    has_domain: 'Callable[[objects.Instance], bool] | None' = None

    _scanned: tuple[str, OfferOptions] | None = None

    def __init__(
        self, context: Any, compute_node: 'objects.ComputeNode'
    ) -> None:
        super().__init__(context, compute_node)
        self.host = compute_node.host
        self._scan = device_scan.DeviceScan(self)
        # Of all devices of the host at the last scan, by address.
        self._models: dict[str, str] = {}
        # Servers with an interface attach in progress; scans must leave their
        # claims alone.
        self._holding_claims: set[str] = set()
        # Ids of migrations that this process has claimed devices for.
        self._moving_here: set[int] = set()

    def update_devices_from_hypervisor_resources(
        self, devices_json: str
    ) -> None:
        try:
            self.dev_filter.refresh()
        except exception.InvalidPciInformation as error:
            LOG.error(
                'The host continues to offer the same PCI devices: %s',
                error.format_message(),
            )
        reports = jsonutils.loads(devices_json)
        self._models = {
            device['address']: _model(
                device['vendor_id'], device['product_id']
            )
            for device in reports
        }
        options = _options()
        is_new = self._scanned is None or self._scanned[1] != options
        if is_new:
            self._scan.forget_reports()
        super().update_devices_from_hypervisor_resources(devices_json)
        self._scanned = (devices_json, options)
        if is_new:
            self._log_offer(reports)

    def _log_offer(self, reports: list[dict[str, Any]]) -> None:
        """Log what the options offer, once for each value of them."""
        offered = [
            device
            for device in self.pci_devs
            if device.status != fields.PciDeviceStatus.REMOVED
            and server_state.WITHDRAWN not in device.extra_info
        ]
        LOG.info(
            'The host has %(devices)d PCI devices, and offers %(offered)d of '
            'them by [pci_ext] pci_information and pci_devices and [pci] '
            'device_spec',
            {'devices': len(reports), 'offered': len(offered)},
        )
        unmatched_entries.warn(reports)

    def _is_replaced(self, device: 'objects.PciDevice') -> bool:
        """Return whether a device in use has made way for another model.

        Nova compares addresses only, which the firmware may number anew.
        """
        recorded = _model(device.vendor_id, device.product_id)
        found = self._models.get(device.address, recorded)
        if device.status not in IN_USE or found == recorded:
            return False
        LOG.error(
            'PCI device %(address)s of server %(server)s was %(recorded)s '
            'and is %(found)s now. The server is not started with it.',
            {
                'address': device.address,
                'server': device.instance_uuid,
                'recorded': recorded,
                'found': found,
            },
        )
        return True

    def rescan(self, devices_json: str) -> None:
        """Scan if the devices or the options have changed."""
        if self._scanned != (devices_json, _options()):
            self.update_devices_from_hypervisor_resources(devices_json)

    def claim_instance(
        self,
        context: Any,
        pci_requests: 'objects.InstancePCIRequests',
        instance_numa_topology: 'objects.InstanceNUMATopology | None',
    ) -> 'list[objects.PciDevice]':
        """Claim devices, and keep earlier claims for the server.

        For a live migration Nova claims first the devices of the flavor, then
        those of ports, and would allocate only the latter.
        """
        uuid = pci_requests.instance_uuid
        before = self.claims.get(uuid, [])
        devices: list[objects.PciDevice]
        try:
            devices = super().claim_instance(
                context, pci_requests, instance_numa_topology
            )
        except Exception:
            with excutils.save_and_reraise_exception():
                # Nova puts back the devices that it took from pools, but not
                # the devices that these exclude.
                sriov_status.reconcile_status(self.pci_devs, self.stats)
        if before:
            self.claims[uuid] = [*before, *devices]
        return devices

    def begin_move(self, migration: 'objects.Migration') -> None:
        """Leave the devices of a migration to this host alone in scans."""
        self._moving_here.add(migration.id)

    @contextlib.contextmanager
    def holding_claims(self, server_uuid: str) -> Iterator[None]:
        """Keep scans from allocating or freeing the claims for a server."""
        self._holding_claims.add(server_uuid)
        try:
            yield
        finally:
            self._holding_claims.discard(server_uuid)

    def update_pci_for_instance(
        self, context: Any, instance: 'objects.Instance', sign: int
    ) -> None:
        """Allocate the claims for a server, or free its devices.

        The claims for a server that arrives by live migration are not
        allocated here: a scan may see the server before it has arrived, and
        allocated devices would not be freed if the migration fails.
        """
        is_arriving = (
            instance.task_state == task_states.MIGRATING
            and instance.host != self.host
        )
        if sign != 1 or not (
            is_arriving or instance.uuid in self._holding_claims
        ):
            super().update_pci_for_instance(context, instance, sign)

    def clean_usage(
        self,
        instances: 'list[objects.Instance]',
        migrations: 'list[objects.Migration]',
    ) -> None:
        """Free the devices and claims of servers that are gone.

        A scan reads the servers of the host, then the migrations. A server
        whose migration starts or is reverted in between is in neither list,
        nor is a server whose devices are claimed before its migration names
        this host. So the record of the server decides. It also decides where
        a migration is not at work: Nova counts one that ended in an error as
        ongoing, and one that a restart interrupted, for good.

        Devices in a guest are not freed, even if the record says so. A server
        may be deleted or evacuated while nova-compute is stopped, and then its
        guest runs until Nova destroys it, which takes half an hour by default.
        The guest of a failed live migration may have arrived.
        """
        self._moving_here &= {migration.id for migration in migrations}
        ongoing = [each for each in migrations if self._holds_devices(each)]
        seen = {instance.uuid for instance in instances}
        seen |= {migration.instance_uuid for migration in ongoing}
        last = {
            migration.instance_uuid: migration
            for migration in sorted(migrations, key=operator.attrgetter('id'))
        }
        remaining = [
            self._load_if_remaining(uuid, last.get(uuid))
            for uuid in (self.claims.keys() | self.allocations.keys()) - seen
        ]
        super().clean_usage([*instances, *filter(None, remaining)], ongoing)

    def _holds_devices(self, migration: 'objects.Migration') -> bool:
        """Tell whether a server has devices for a migration on record.

        A migration to this host is at work until its status says otherwise,
        if this process has begun it. Meanwhile the record of the server may
        name no task, and still the old host: Nova stops an evacuated server
        before it records the new host.
        """
        return migration.status in _REVERTIBLE or (
            migration.status != 'error' and migration.id in self._moving_here
        )

    def _load_if_remaining(
        self, uuid: str, migration: 'objects.Migration | None'
    ) -> 'objects.Instance | None':
        """Load a server if it still has its devices here.

        :param migration: the last one of the server that Nova counts as
            ongoing on this host, if any
        """
        try:
            instance = objects.Instance.get_by_uuid(
                self._context, uuid, expected_attrs=[]
            )
        except nova_exception.InstanceNotFound:
            instance = objects.Instance(self._context, uuid=uuid)
            is_known = False
        else:
            is_known = (
                instance.host == self.host
                or bool(instance.task_state)
                # Its resize has finished since the scan read its migration.
                or instance.vm_state == vm_states.RESIZED
                or (migration is not None and self._is_left(migration))
            )
        if is_known or self._may_run_here(instance, migration is not None):
            return instance
        return None

    def _is_left(self, migration: 'objects.Migration') -> bool:
        """Tell whether Nova leaves a migration to the administrator.

        So it does with a cold one that ended in an error, and with the domain
        that is defined on each host. Most fail before the destination has
        one, for instance because the disk of the new flavor is too small. The
        next migration of the server ends that.
        """
        if (
            migration.status != 'error'
            or migration.migration_type not in _COLD
            or not self._may_be_defined(migration.instance_uuid)
        ):
            return False
        migrations = objects.MigrationList.get_by_filters(
            self._context, {'instance_uuid': migration.instance_uuid}
        )
        return all(each.id <= migration.id for each in migrations)

    def _may_be_defined(self, uuid: str) -> bool:
        return self.has_domain is None or self.has_domain(
            objects.Instance(self._context, uuid=uuid)
        )

    def free_left_devices(
        self, context: Any, instance: 'objects.Instance'
    ) -> None:
        """Free the devices that a server left here before it came again.

        A cold migration that ended in an error leaves them.
        """
        if (
            instance.host != self.host
            and self.allocations.get(instance.uuid)
            and not self._may_run_here(instance, True)
        ):
            self.free_instance_allocations(context, instance)
            self.save(context)

    def _may_run_here(
        self, instance: 'objects.Instance', is_lost: bool
    ) -> bool:
        return is_lost if self.runs_here is None else self.runs_here(instance)

    @classmethod
    def _build_device_tree(cls, all_devs: 'objects.PciDeviceList') -> None:
        """Link virtual functions to physical ones, and sort by address.

        Nova sorts the list in place. Meanwhile it is empty for other threads,
        which read it without the lock of the tracker.
        """
        devices = list(all_devs)
        super()._build_device_tree(devices)
        all_devs.objects = devices

    def _update_records(self, devices: list[dict[str, Any]]) -> None:
        self._scan.update_changed(devices, self.stats)
        self._build_device_tree(self.pci_devs)

    def _set_hvdevs(self, devices: list[dict[str, Any]]) -> None:
        offered = {device['address'] for device in devices}
        for device in self.pci_devs:
            if (
                device.address in offered
                and device.status == fields.PciDeviceStatus.REMOVED
            ):
                # Its removal could not be saved, and would be saved later.
                device.status = fields.PciDeviceStatus.AVAILABLE
        self._update_records(devices)
        for device in self.pci_devs:
            is_offered = device.address in offered
            if is_offered:
                # Nova would still remove a device that is offered again.
                self.to_be_removed_when_freed.pop(device.address, None)
            _mark_withdrawn(
                device,
                device.status in IN_USE
                and (self._is_replaced(device) or not is_offered),
            )
        sriov_status.reconcile_status(self.pci_devs, self.stats)
        for device in self.pci_devs:
            # Nova needs its id when another device of its card is freed.
            if 'id' not in device:
                device.save()

    def save(self, context: Any) -> None:
        """Save changed records; a removed one is saved as free before.

        Nova only marks the row of a removed device as deleted. If the row
        still names a server, Nova lists the device among those of the server
        whenever it loads them lazily, and would give it to the guest again.
        """
        removed = [
            device
            for device in self.pci_devs
            if device.status == fields.PciDeviceStatus.REMOVED
        ]
        try:
            for device in removed:
                with device.obj_alternate_context(context):
                    if 'instance_uuid' in device.obj_what_changed():
                        self._save_as_free(device)
                    device.save()
        finally:
            if removed:
                # Nova would look for each in the list.
                self.pci_devs.objects = [
                    device
                    for device in self.pci_devs
                    if device.status != fields.PciDeviceStatus.DELETED
                ]
        super().save(context)

    def _save_as_free(self, device: 'objects.PciDevice') -> None:
        device.status = fields.PciDeviceStatus.AVAILABLE
        try:
            device.save()
        finally:
            device.status = fields.PciDeviceStatus.REMOVED

    def _free_device(
        self,
        dev: 'objects.PciDevice',
        instance: 'objects.Instance | None' = None,
    ) -> None:
        """Free a device, and make devices of its card available again.

        Nova does not return those to the pools if the device is removed, and
        keeps attributes that the device lost while it was in use.
        """
        devices = sriov_status.devices_of_card(dev)
        super()._free_device(dev, instance)
        if dev.status == fields.PciDeviceStatus.REMOVED:
            self._build_device_tree(self.pci_devs)
        else:
            offered_devices.drop_attributes(
                dev, self.dev_filter.get_devspec(dev)
            )
        sriov_status.reconcile_status(devices, self.stats)


SEAM = seam.Seam(
    module='nova.pci.manager',
    name='PciDevTracker',
    replacement=PciDevTracker,
    signatures={
        '__init__': ('self', 'context', 'compute_node'),
        'update_devices_from_hypervisor_resources': ('self', 'devices_json'),
        '_build_device_tree': ('all_devs',),
        '_set_hvdevs': ('self', 'devices'),
        'save': ('self', 'context'),
        '_free_device': ('self', 'dev', 'instance'),
        'claim_instance': (
            'self',
            'context',
            'pci_requests',
            'instance_numa_topology',
        ),
        'update_pci_for_instance': ('self', 'context', 'instance', 'sign'),
        'clean_usage': ('self', 'instances', 'migrations'),
    },
)
