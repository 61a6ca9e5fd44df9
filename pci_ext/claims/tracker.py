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
"""Seam: the devices of a compute host as nova-compute keeps track of them.

What the host offers may change while nova-compute runs, by a new value of
``pci_devices`` or ``pci_information``. Each scan goes by what is said now. A
device that is offered no more but is in use is kept until it is freed, which
is Nova's way, and marked in its record, so that this can be seen. Devices of
one card may come and go while others of it are in use, too.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.compute import task_states
from nova.objects import fields
from nova.pci import manager
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.activation import seam
from pci_ext.claims import offered_devices
from pci_ext.claims import sriov_status

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

Options = tuple[tuple[str, ...], tuple[str, ...]]

#: Statuses of the devices of servers.
IN_USE = (fields.PciDeviceStatus.CLAIMED, fields.PciDeviceStatus.ALLOCATED)


def _options() -> Options:
    return tuple(CONF.pci_ext.pci_devices), tuple(CONF.pci_ext.pci_information)


def _mark(device: 'objects.PciDevice', withdrawn: bool) -> None:
    if withdrawn == (server_state.WITHDRAWN in device.extra_info):
        return
    # Only what is set anew is saved.
    changed = dict(device.extra_info)
    if withdrawn:
        changed[server_state.WITHDRAWN] = 'true'
    else:
        del changed[server_state.WITHDRAWN]
    device.extra_info = changed


def _may_run(instance: 'objects.Instance') -> bool:
    return True


def _is_lost(migration: 'objects.Migration') -> bool:
    return bool(migration.is_live_migration and migration.status == 'error')


class PciDevTracker(manager.PciDevTracker):
    """Nova's tracker, which takes up what the host offers at each scan."""

    #: Tells whether the guest of a server runs here, if the driver knows.
    runs_here: 'Callable[[objects.Instance], bool]' = staticmethod(_may_run)

    _scanned: tuple[str, Options] | None = None

    def __init__(
        self, context: Any, compute_node: 'objects.ComputeNode'
    ) -> None:
        super().__init__(context, compute_node)
        self._host = compute_node.host
        # Servers for which somebody claims who allocates or frees it himself.
        self._claiming: set[str] = set()

    def update_devices_from_hypervisor_resources(
        self, devices_json: str
    ) -> None:
        try:
            self.dev_filter.refresh()
        except exception.InvalidPciInformation as error:
            LOG.error(
                'The host goes on offering the PCI devices that it did: %s',
                error.format_message(),
            )
        super().update_devices_from_hypervisor_resources(devices_json)
        self._scanned = (devices_json, _options())

    def rescan(self, devices_json: str) -> None:
        """Scan, unless host and options are as they were."""
        if self._scanned != (devices_json, _options()):
            self.update_devices_from_hypervisor_resources(devices_json)

    def claim_instance(
        self,
        context: Any,
        pci_requests: 'objects.InstancePCIRequests',
        instance_numa_topology: 'objects.InstanceNUMATopology | None',
    ) -> 'list[objects.PciDevice]':
        """Claim devices, and remember what is claimed for the server already.

        For a live migration Nova claims the devices of the flavor first and
        those of ports then, and would allocate the latter only.
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
                # What Nova took from pools it puts back, but not what that
                # excludes.
                sriov_status.reconcile_status(self.pci_devs, self.stats)
        if before and devices:
            self.claims[uuid] = [*before, *devices]
        return devices

    @contextlib.contextmanager
    def claiming(self, server_uuid: str) -> Iterator[None]:
        """Let what is claimed for a server stay so, whatever scans see."""
        self._claiming.add(server_uuid)
        try:
            yield
        finally:
            self._claiming.discard(server_uuid)

    def update_pci_for_instance(
        self, context: Any, instance: 'objects.Instance', sign: int
    ) -> None:
        """Allocate what is claimed for a server, or free what it has.

        Not for one that is migrated live and is not here yet: a scan sees it
        on its way, and what it makes of a claim is not freed if the server
        does not come after all.
        """
        on_its_way = (
            instance.task_state == task_states.MIGRATING
            and instance.host != self._host
        )
        if sign != 1 or not (on_its_way or instance.uuid in self._claiming):
            super().update_pci_for_instance(context, instance, sign)

    def clean_usage(
        self,
        instances: 'list[objects.Instance]',
        migrations: 'list[objects.Migration]',
    ) -> None:
        """Free what belongs to servers that are gone.

        A scan reads the servers of the host, then the migrations. Who comes
        back or sets out meanwhile is in neither, and so is a server for which
        devices are claimed before its migration says which host it goes to:
        the record of the server itself decides. It does so, too, if all that
        is known is a live migration that ended in an error, which Nova takes
        for one that goes on; but the guest may have come all the same.
        """
        going_on = [each for each in migrations if not _is_lost(each)]
        seen = {instance.uuid for instance in instances}
        seen |= {migration.instance_uuid for migration in going_on}
        lost = {migration.instance_uuid for migration in migrations} - seen
        kept = [
            self._if_it_stays(uuid, uuid in lost)
            for uuid in (self.claims.keys() | self.allocations.keys()) - seen
        ]
        super().clean_usage([*instances, *filter(None, kept)], going_on)

    def _if_it_stays(
        self, uuid: str, is_lost: bool
    ) -> 'objects.Instance | None':
        try:
            instance = objects.Instance.get_by_uuid(
                self._context, uuid, expected_attrs=[]
            )
        except nova_exception.InstanceNotFound:
            return None
        stays = (
            instance.host == self._host
            or instance.task_state
            or (is_lost and self.runs_here(instance))
        )
        return instance if stays else None

    @classmethod
    def _build_device_tree(cls, all_devs: 'objects.PciDeviceList') -> None:
        """Tie virtual functions to physical ones, and sort all by address.

        Nova sorts the list in place. Until that is done it looks empty to
        other threads, which look at it without the lock of the tracker.
        """
        devices = list(all_devs)
        super()._build_device_tree(devices)
        all_devs.objects = devices

    def _set_hvdevs(self, devices: list[dict[str, Any]]) -> None:
        super()._set_hvdevs(devices)
        offered = {device['address'] for device in devices}
        for device in self.pci_devs:
            is_offered = device.address in offered
            if is_offered:
                # Nova would go on to remove what is offered again.
                self.to_be_removed_when_freed.pop(device.address, None)
            _mark(device, device.status in IN_USE and not is_offered)
        sriov_status.reconcile_status(self.pci_devs, self.stats)
        for device in self.pci_devs:
            # To free another of its card, Nova needs its id.
            if 'id' not in device:
                device.save()

    def _free_device(
        self,
        dev: 'objects.PciDevice',
        instance: 'objects.Instance | None' = None,
    ) -> None:
        """Free a device, and what is of its card as far as that is due.

        Nova leaves the latter out of the pools if the device is removed, and
        leaves attributes that the device lost while it was in use.
        """
        devices = sriov_status.same_card(dev)
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
