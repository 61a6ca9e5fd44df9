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

"""The source of a live migration: the devices that the guest leaves."""

import threading

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import utils as compute_utils
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import server_task
from pci_ext.i18n import _
from pci_ext.requests import instance_requests
from pci_ext.requests import live_migration_policy

LOG = logging.getLogger(__name__)


class Aborted(Exception):
    """A user has aborted the migration."""


class SourceMigration(server_task.ServerTask):
    """The PCI devices of a live migration, at its source.

    The server has Nova's task state all the time.

    :ivar is_ready: whether no device that stays here is in the guest
    """

    is_ready = False

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        context: nova_context.RequestContext,
        server_uuid: str,
    ) -> None:
        super().__init__(
            compute, context, server_uuid, str(context.request_id)
        )
        self._aborted = threading.Event()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Check that no device forbids the migration.

        The destination would claim devices for an attach that is not undone
        yet, too.

        :raises nova.exception.MigrationPreCheckError: if one does
        """
        self.reload()
        if instance_devices.incomplete_requests(self.instance):
            raise nova_exception.MigrationPreCheckError(
                reason=_('A PCI device of the server is being attached.')
            )
        if self.pending_detach():
            raise nova_exception.MigrationPreCheckError(
                reason=_('A PCI device of the server is being detached.')
            )
        for device, policy in self._policies():
            if policy == live_migration_policy.FORBID:
                raise nova_exception.MigrationPreCheckError(
                    reason=_('PCI device %s forbids live migration.')
                    % device.address
                )

    def _policies(self) -> 'list[tuple[objects.PciDevice, str]]':
        """Return the policy of each device that is not that of a port."""
        requests = {
            request.request_id: request
            for request in instance_requests.list_without_ports(self.instance)
        }
        return [
            (
                device,
                live_migration_policy.policy_of_device(
                    requests[device.request_id],
                    instance_devices.pool_keys(self.rt, device),
                ),
            )
            for device in self.owned()
            if device.request_id in requests
        ]

    def _hotplugged(self) -> instance_devices.Devices:
        """Return the devices that are reattached on the destination."""
        return [
            device
            for device, policy in self._policies()
            if policy == live_migration_policy.HOTPLUG
        ]

    def detach(self) -> bool:
        """Detach the devices that are reattached on the destination.

        :returns: whether the migration can continue; if not, some devices may
            be detached
        """
        self.reload()
        devices = self._hotplugged()
        detached = not devices or self._try_detach(devices)
        with self._lock:
            self.is_ready = detached and not self._aborted.is_set()
        return self.is_ready

    def _try_detach(self, devices: instance_devices.Devices) -> bool:
        try:
            with compute_utils.EventReporter(
                self.context,
                'compute_detach_pci',
                self.compute.host,
                self.server_uuid,
            ):
                self._detach(devices)
        except Exception:
            LOG.exception(
                'The live migration is given up', instance=self.instance
            )
            return False
        return True

    def _detach(self, devices: instance_devices.Devices) -> None:
        server_state.PENDING_REATTACH.mark(
            self.instance,
            {device.request_id for device in devices},
            self.operation_id,
        )
        for device in devices:
            self._check_aborted()
            self.driver.detach_pci(self.context, self.instance, [device])
            LOG.info(
                'Live migration: PCI device %s is detached',
                device.address,
                instance=self.instance,
            )
        self._check_aborted()

    def _check_aborted(self) -> None:
        if self._aborted.is_set():
            raise Aborted(_('The live migration was aborted.'))

    def abort(self) -> bool:
        """Abort the migration before the guest is transferred.

        :returns: False if the guest is being transferred: the hypervisor has
            to abort that
        """
        with self._lock:
            if not self.is_ready:
                self._aborted.set()
            return not self.is_ready

    def drop_hotplugged(self, migrate_data: 'objects.LiveMigrateData') -> None:
        """Remove the detached devices from Nova's map of devices.

        Nova would look for them in the domain.
        """
        if not migrate_data or 'pci_dev_map_src_dst' not in migrate_data:
            return
        detached = {device.address for device in self._hotplugged()}
        migrate_data.pci_dev_map_src_dst = {
            source: destination
            for source, destination in migrate_data.pci_dev_map_src_dst.items()
            if source not in detached
        }
