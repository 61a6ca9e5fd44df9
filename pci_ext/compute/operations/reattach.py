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

"""Reattach the devices that a live migration detached from a guest."""

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import instance_devices
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import steps
from pci_ext.i18n import _
from pci_ext.requests import instance_requests

LOG = logging.getLogger(__name__)


def start_action(server_uuid: str) -> nova_context.RequestContext:
    """Record an action for a reattach, and return its context."""
    context = nova_context.get_admin_context()
    objects.InstanceAction.action_start(
        context, server_uuid, Reattach.name, want_result=False
    )
    return context


class Reattach(operation.Operation):
    """One attempt to reattach all devices missing from a guest.

    The devices stay allocated to the server, whether it succeeds or not.
    """

    name = 'reattach_pci'
    task_state = server_state.ATTACHING_PCI

    def run(self) -> None:
        """Make an attempt that a user requested.

        :raises PciActionRefused: if no device is to be reattached
        :raises PciAttachFailed: if a device still cannot be attached
        """
        self.load()
        steps.run(
            (
                steps.Step('check', self._check, self.release_server),
                steps.Step('accept', self.accept),
                steps.Step('attach', self.attempt),
                steps.Step('finish', self.finish),
            )
        )

    def subject(self) -> action_notifications.Subject:
        """Return an empty subject: no device is allocated or freed."""
        return action_notifications.Subject([], [])

    def _check(self) -> None:
        if not server_state.pending_reattach(self.instance):
            raise exception.PciActionRefused(
                reason=_('No PCI device of the server is to be reattached.')
            )

    def attempt(self, state: str = server_state.FAILED) -> None:
        """Attach the missing devices to the guest, if it runs.

        A stopped server gets its devices back when it is started.

        :param state: recorded for the devices that cannot be attached
        :raises PciAttachFailed: for the first of them
        """
        errors: dict[str, exception.PciAttachFailed] = {}
        for device in self.missing():
            try:
                self.driver.attach_pci(self.context, self.instance, [device])
                LOG.info(
                    'Live migration: PCI device %s is attached',
                    device.address,
                    instance=self.instance,
                )
            except exception.PciAttachFailed as error:
                errors[device.address] = error
            except Exception as error:
                errors[device.address] = exception.PciAttachFailed(
                    address=device.address, reason=error
                )
        server_state.record_reattach(
            self.instance,
            {
                address: error.format_message()
                for address, error in errors.items()
            },
            state,
        )
        for first in errors.values():
            raise first

    def missing(self) -> instance_devices.Devices:
        """Return the devices to be reattached that are not in the guest.

        A device that the guest would lose by a reboot is missing, too.
        """
        attached = self.driver.persistent_pci(self.instance)
        if attached is None:
            return []
        excluded = attached | self.pending_detach()
        request_ids = server_state.pending_reattach(self.instance)
        return [
            device
            for device in self.owned()
            if device.request_id in request_ids
            and device.address not in excluded
        ]

    def spontaneously_removed(self) -> set[str]:
        """Return the requests with a device that left the guest unrequested.

        The guest may have released it for a live migration that was given up
        because the guest had not done so in time.
        """
        attached = self.attached()
        if attached is None:
            return set()
        request_ids = {
            request.request_id
            for request in instance_requests.list_without_ports(self.instance)
        } - {
            request.request_id
            for request in instance_devices.incomplete_requests(self.instance)
        }
        excluded = attached | self.pending_detach()
        return {
            device.request_id
            for device in self.owned()
            if device.request_id in request_ids
            and device.address not in excluded
        }

    def record_missing(self) -> None:
        """Mark the requests of spontaneously removed devices."""
        server_state.PENDING_REATTACH.mark(
            self.instance, self.spontaneously_removed(), self.operation_id
        )

    def acquire_server(self) -> bool:
        """Set the task state of the server for an attempt.

        :returns: False if another operation or task has the server
        """
        self.instance.task_state = self.task_state
        self.instance.system_metadata[server_state.OPERATION] = (
            self.operation_id
        )
        try:
            self.instance.save(expected_task_state=[None])
        except nova_exception.UnexpectedTaskStateError:
            return False
        return True
