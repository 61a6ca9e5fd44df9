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

"""Attach PCI devices to a server: all that are requested, or none."""

from collections.abc import Sequence

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import steps
from pci_ext.i18n import _P
from pci_ext.requests import instance_requests

LOG = logging.getLogger(__name__)

#: The most devices for which an attach claims another one. A fault of the
#: guest or the hypervisor makes all devices fail.
_MAX_REPLACED = 3


class Attach(operation.Operation):
    """One attach to one server.

    :param requests: the requests, as resolved by nova-api
    """

    name = 'attach_pci'
    task_state = server_state.ATTACHING_PCI
    action = action_notifications.ATTACH

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        context: nova_context.RequestContext,
        server_uuid: str,
        operation_id: str,
        requests: Sequence['objects.InstancePCIRequest'],
    ) -> None:
        super().__init__(compute, context, server_uuid, operation_id)
        self.requests = list(requests)
        self.request_ids = {request.request_id for request in requests}
        # Addresses of the devices that cannot be attached.
        self._failed: set[str] = set()
        instance_devices.mark_attaching(self.requests, operation_id)

    def run(self) -> None:
        """Attach the devices; accepted once they are claimed.

        The requests are recorded before devices are claimed for them: Nova
        cannot handle a server that has a device without its request.

        :raises PciActionRefused: if no devices can be claimed, or the guest
            has no room for them
        """
        self.load()
        with self.announced():
            steps.run(self._steps())
        self.report_pools()

    def complete(self) -> None:
        """Record the success of an interrupted attach.

        All its devices have to be in the guest.
        """
        self.reload()
        self._allocate()
        self._confirm()
        self.release_server()
        self.report_pools()

    def undo(self) -> None:
        """Undo an attach that was interrupted, or not wholly undone."""
        self.reload()
        steps.undo(self._steps())

    def _steps(self) -> Sequence[steps.Step]:
        return (
            steps.Step('check', self._check_slots, self.release_server),
            steps.Step('announce', self.announce),
            steps.Step('record', self._record, self._unrecord),
            steps.Step('claim', self._claim, self._unclaim),
            steps.Step('accept', self.accept),
            steps.Step('attach', self._attach, self._detach),
            steps.Step('release', self._release_failed),
            steps.Step('allocate', self._allocate),
            # Requests that have replaced those of this copy are not lost.
            steps.Step('verify', self.load),
            steps.Step('complete', self.mark_completed, self.clear_completed),
            steps.Step('confirm', self._confirm, self._unconfirm),
            steps.Step('finish', self.finish),
        )

    def subject(self) -> action_notifications.Subject:
        return action_notifications.Subject.copy(
            self.requests, self._claimed()
        )

    @property
    def _count(self) -> int:
        return sum(request.count for request in self.requests)

    def _check_slots(self) -> None:
        """Check that the guest has room, before devices are claimed.

        :raises PciActionRefused: if not
        """
        self.driver.check_pci_slots(self.instance, self._count)

    def _record(self) -> None:
        # The requests count for the quota from now on.
        server_state.release_reservation(self.instance)
        instance_devices.save_requests(
            self.instance,
            [*instance_requests.list_requests(self.instance), *self.requests],
        )

    def _unrecord(self) -> None:
        """Remove the requests, but those of devices that remain in the guest.

        Such a device is like one whose detach is pending. Requests of other
        devices stay marked as those of an attach, so that recovery undoes it.
        """
        if self.is_deleting():
            return
        self.sync_requests(self.request_ids)
        remaining = self._claimed()
        if remaining and len(remaining) == len(
            server_state.pending_detach(self.instance, remaining)
        ):
            self._confirm()
        self.report_pools()

    def _claim(self) -> None:
        devices = self._try_to_claim(self.requests)
        if len(devices) != self._count:
            raise exception.PciActionRefused(
                reason=_P(
                    'The host of the server does not have %(count)d free PCI '
                    'device as requested: %(names)s.',
                    'The host of the server does not have %(count)d free PCI '
                    'devices as requested: %(names)s.',
                    self._count,
                )
                % {
                    'count': self._count,
                    'names': '; '.join(
                        f'{request.count}:{request.alias_name}'
                        for request in self.requests
                    ),
                }
            )

    def _try_to_claim(
        self, requests: Sequence['objects.InstancePCIRequest']
    ) -> instance_devices.Devices:
        """Claim devices; none if not all can be claimed.

        :raises PciActionRefused: if that is not known
        """
        try:
            return list(
                self.rt.claim_pci_devices(
                    self.context,
                    objects.InstancePCIRequests(
                        instance_uuid=self.server_uuid, requests=requests
                    ),
                    self.instance.numa_topology,
                )
            )
        except nova_exception.PciDeviceRequestFailed as error:
            if isinstance(error.__cause__, exception.AssignmentGivenUp):
                raise exception.PciActionRefused(
                    reason=error.__cause__.format_message()
                ) from error
            # Nova's message shows the selectors.
            return []

    def _claimed(self) -> instance_devices.Devices:
        return [
            device
            for device in self.owned()
            if device.request_id in self.request_ids
        ]

    def _unclaim(self) -> None:
        if self.is_deleting():
            return
        self.free(self._claimed())
        # Devices that the guest does not release stay the server's.
        self._allocate()

    def _attach(self) -> None:
        """Attach the devices, or others in place of those that fail.

        A device that failed stays claimed until all are attached, so that it
        is not claimed again. As long as there is one more device than the
        requests have, recovery undoes the attach.

        :raises PciAttachFailed: if no other device can be claimed
        """
        while True:
            excluded = self._failed | self.in_guest()
            try:
                self.driver.attach_pci(
                    self.context,
                    self.instance,
                    [
                        device
                        for device in self._claimed()
                        if device.address not in excluded
                    ],
                )
                return
            except exception.PciAttachFailed as error:
                self._replace(error)

    def _replace(self, error: exception.PciAttachFailed) -> None:
        """Claim another device in place of one that cannot be attached.

        :raises PciAttachFailed: the error, if there is none
        """
        address = error.kwargs['address']
        request_ids = {
            device.request_id
            for device in self._claimed()
            if device.address == address
        }
        [request] = [
            request.obj_clone()
            for request in self.requests
            if request.request_id in request_ids
        ]
        request.count = 1
        if len(self._failed) == _MAX_REPLACED or not self._try_to_claim(
            [request]
        ):
            raise error
        self._failed.add(address)
        LOG.warning(
            '%s Another device is tried.',
            error.format_message(),
            instance=self.instance,
        )

    def _release_failed(self) -> None:
        """Free the devices that others replace."""
        failed = [
            device
            for device in self._claimed()
            if device.address in self._failed
        ]
        if failed:
            # A hypervisor may report an error although it attached a device.
            self.driver.detach_pci(self.context, self.instance, failed)
            self.free(failed)

    def _detach(self) -> None:
        if self.is_deleting():
            return
        in_guest = self.in_guest()
        attached = [
            device for device in self._claimed() if device.address in in_guest
        ]
        if attached:
            self.driver.detach_pci(self.context, self.instance, attached)

    def _allocate(self) -> None:
        self.rt.allocate_pci_devices_for_instance(self.context, self.instance)

    def _confirm(self) -> None:
        instance_devices.mark_attached(self.instance, self.request_ids)
        instance_devices.update_request_spec(self.context, self.instance)

    def _unconfirm(self) -> None:
        """Let recovery undo the attach, if it is not undone now."""
        self.reload()
        instance_devices.mark_attaching(
            [
                request
                for request in instance_requests.list_requests(self.instance)
                if request.request_id in self.request_ids
            ],
            self.operation_id,
        )
        self.instance.save()
