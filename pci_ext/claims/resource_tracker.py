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

"""Seam: scans and moves in the resource tracker of a compute host."""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova import utils
from nova.compute import claims
from nova.compute import resource_tracker
from nova.compute import vm_states
from nova.objects import fields
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext.activation import seam
from pci_ext.claims import offered_devices
from pci_ext.claims import placement_claim
from pci_ext.claims import placement_writer
from pci_ext.i18n import _
from pci_ext.requests import call_arguments
from pci_ext.requests import moves

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

_DEVICES = 'pci_passthrough_devices'

#: Statuses of a live migration that may have claims on this host.
_ONGOING = ['accepted', 'queued', 'preparing', 'running']


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Refuse a claim as Nova does it if the host lacks another resource.

    A test of the devices precedes the claim, but Placement is not asked then.

    :raises nova.exception.ComputeResourcesUnavailable: if devices cannot be
        claimed
    """
    try:
        yield
    except nova_exception.PciDeviceRequestFailed as error:
        raise nova_exception.ComputeResourcesUnavailable(
            reason=_(
                'the PCI devices that are free on the host are in use or '
                'reserved in Placement'
            )
        ) from error


class ResourceTracker(resource_tracker.ResourceTracker):
    """Nova's tracker, which scans the devices of its host periodically.

    For a server that moves to the host it also claims hot-attached devices.
    The migration context records the requests and devices of both hosts, so
    confirm and revert need no change.
    """

    def _setup_pci_tracker(
        self,
        context: Any,
        compute_node: 'objects.ComputeNode',
        resources: dict[str, Any],
    ) -> None:
        """Scan the devices if they or the options have changed.

        Nova calls this at each periodic scan, but scans the devices only when
        nova-compute starts.
        """
        is_first = self.pci_tracker is None
        try:
            super()._setup_pci_tracker(context, compute_node, resources)
        finally:
            # It remains if the first scan fails.
            if is_first and self.pci_tracker is not None:
                self._connect_driver()
        if not is_first and _DEVICES in resources:
            self.pci_tracker.rescan(resources.pop(_DEVICES))
            compute_node.pci_device_pools = (
                self.pci_tracker.stats.to_device_pools_obj()
            )

    def _connect_driver(self) -> None:
        """Let the tracker ask the driver for the guests of this host."""
        # Drivers of Nova do not have the methods.
        if hasattr(self.driver, 'runs_here'):
            self.pci_tracker.runs_here = self.driver.runs_here
            self.pci_tracker.has_domain = self.driver.has_domain
        elif offered_devices.list_offered():
            LOG.error(
                '[DEFAULT] compute_driver = %s does not serve the devices '
                'of [pci_ext] pci_information and pci_devices: set it to '
                'pci_ext.LibvirtDriver, or remove these options.',
                CONF.compute_driver,
            )

    def _move_claim(
        self,
        context: Any,
        instance: 'objects.Instance',
        new_flavor: 'objects.Flavor',
        nodename: str,
        migration: 'objects.Migration | None',
        allocations: Any,
        **kwargs: Any,
    ) -> claims.MoveClaim:
        is_live = bool(migration and migration.is_live_migration)
        if self.pci_tracker is not None:
            self.pci_tracker.free_left_devices(context.elevated(), instance)
        with (
            moves.moving(instance, is_live),
            self._claiming(context, instance.uuid, allocations or {}),
            _refusing(),
        ):
            claim = super()._move_claim(
                context,
                instance,
                new_flavor,
                nodename,
                migration,
                allocations,
                **kwargs,
            )
        # Until here the record of the server names a task.
        if self.pci_tracker is not None:
            self.pci_tracker.begin_move(claim.migration)
        return claim

    def instance_claim(
        self,
        context: Any,
        instance: 'objects.Instance',
        nodename: str,
        allocations: Any,
        *args: Any,
    ) -> claims.Claim:
        """Claim for a server that is built, or unshelved."""
        moves.drop_unfinished(instance)
        self._free_left_devices(context, instance)
        with (
            self._claiming(context, instance.uuid, allocations or {}),
            _refusing(),
        ):
            return super().instance_claim(
                context, instance, nodename, allocations, *args
            )

    def claim_pci_devices(
        self,
        context: Any,
        pci_requests: 'objects.InstancePCIRequests',
        instance_numa_topology: 'objects.InstanceNUMATopology | None',
    ) -> 'list[objects.PciDevice]':
        """Claim for a server that has a host, or arrives live."""
        with self._claiming(context, pci_requests.instance_uuid, None):
            devices: list[objects.PciDevice] = super().claim_pci_devices(
                context, pci_requests, instance_numa_topology
            )
            return devices

    def _claiming(
        self, context: Any, server: str, allocations: Any
    ) -> contextlib.AbstractContextManager[None]:
        """Allocate the devices that are claimed in Placement, too.

        :param allocations: those that the scheduler made for the claim; None
            if it was not asked
        """
        return call_arguments.passing(
            placement_claim=(
                placement_claim.PlacementClaim(
                    self, context, server, allocations
                )
                if CONF.pci.report_in_placement
                else None
            )
        )

    @utils.synchronized(resource_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
    def _free_left_devices(
        self, context: Any, instance: 'objects.Instance'
    ) -> None:
        if self.pci_tracker is not None:
            self.pci_tracker.free_left_devices(context.elevated(), instance)

    def _update_to_placement(
        self, context: Any, compute_node: 'objects.ComputeNode', startup: bool
    ) -> None:
        """Update the providers of a host, and the allocations of devices."""
        with placement_writer.writing_allocations(self.reportclient, context):
            super()._update_to_placement(context, compute_node, startup)

    def update_usage(
        self, context: Any, instance: 'objects.Instance', nodename: str
    ) -> None:
        """Update the usage of a server; free the devices of a deleted one.

        For a server that moved to the host after the last scan, Nova frees
        them only at the next scan.
        """
        super().update_usage(context, instance, nodename)
        if vm_states.allow_resource_removal(
            vm_state=instance.vm_state, task_state=instance.task_state
        ):
            self._free_untracked(context, instance)

    @utils.synchronized(resource_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
    def _free_untracked(
        self, context: Any, instance: 'objects.Instance'
    ) -> None:
        tracker = self.pci_tracker
        if tracker is None or instance.uuid in self.tracked_instances:
            return
        if tracker.allocations.get(instance.uuid):
            tracker.free_instance_allocations(context, instance)
            self._save_and_report(context)

    @utils.synchronized(resource_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
    def release_pci_claims(
        self,
        context: Any,
        instance: 'objects.Instance',
        migration_id: int | None = None,
    ) -> None:
        """Free the claims for a server that does not arrive; report pools.

        A scan may have reported the devices as taken. The claims of a later
        migration of the server are kept.

        :param migration_id: the live migration that has ended, if known
        """
        tracker = self.pci_tracker
        if tracker is None or not tracker.claims.get(instance.uuid):
            return
        if migration_id is not None and _has_later_migration(
            context.elevated(), instance, migration_id
        ):
            return
        tracker.free_instance_claims(context, instance)
        self._save_and_report(context)

    @utils.synchronized(resource_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
    def free_pci_devices(
        self,
        context: Any,
        devices: 'Iterable[objects.PciDevice]',
        instance: 'objects.Instance',
    ) -> None:
        """Free devices of a server: all, even if they cannot be saved.

        The tracker saves again what it could not save.

        :raises Exception: if the records cannot be saved now
        """
        for device in devices:
            self.pci_tracker.free_device(device, instance)
        self.pci_tracker.save(context)

    def _save_and_report(self, context: Any) -> None:
        self.pci_tracker.save(context)
        for node in self.compute_nodes.values():
            if node.id == self.pci_tracker.node_id:
                self._report(context, node)

    def _report(self, context: Any, node: 'objects.ComputeNode') -> None:
        try:
            self._update(context.elevated(), node)
        except Exception:
            LOG.exception(
                'The pools were not reported; the next scan will report them'
            )


def _has_later_migration(
    context: Any, instance: 'objects.Instance', migration_id: int
) -> bool:
    migrations = objects.MigrationList.get_by_filters(
        context,
        {
            'instance_uuid': instance.uuid,
            'migration_type': fields.MigrationType.LIVE_MIGRATION,
            'status': _ONGOING,
        },
    )
    return any(each.id > migration_id for each in migrations)


SEAM = seam.Seam(
    module='nova.compute.resource_tracker',
    name='ResourceTracker',
    replacement=ResourceTracker,
    signatures={
        '__init__': ('self', 'host', 'driver', 'reportclient'),
        '_setup_pci_tracker': ('self', 'context', 'compute_node', 'resources'),
        '_update': ('self', 'context', 'compute_node', 'startup'),
        '_update_to_placement': (
            'self',
            'context',
            'compute_node',
            'startup',
        ),
        'update_usage': ('self', 'context', 'instance', 'nodename'),
        'instance_claim': (
            'self',
            'context',
            'instance',
            'nodename',
            'allocations',
            'limits',
        ),
        'claim_pci_devices': (
            'self',
            'context',
            'pci_requests',
            'instance_numa_topology',
        ),
        '_move_claim': (
            'self',
            'context',
            'instance',
            'new_flavor',
            'nodename',
            'migration',
            'allocations',
            'move_type',
            'image_meta',
            'limits',
        ),
    },
)
