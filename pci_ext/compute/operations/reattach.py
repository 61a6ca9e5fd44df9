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

"""Attach to a guest what a live migration took out of it."""

from collections.abc import Callable

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
from pci_ext.i18n import _

LOG = logging.getLogger(__name__)


class Reattach(operation.Operation):
    """One attempt for all devices that a server lacks.

    The devices are the server's own all the time, whether it can be done or
    not.
    """

    name = 'reattach_pci'
    task_state = server_state.ATTACHING_PCI

    def run(self, answer: Callable[[], None]) -> None:
        """Make an attempt because somebody asks for it.

        :raises PciActionRefused: if nothing is missing; before the answer
        :raises PciDeviceNotPlugged: if a device still cannot be attached
        """
        self.load()
        steps.run(
            (
                steps.Step('own', self._check, self.give_back),
                steps.Step('answer', answer),
                steps.Step('attach', self.attempt),
                steps.Step('finish', self.finish),
            )
        )

    def subject(self) -> action_notifications.Subject:
        """Give nothing: it is the server's own all the time."""
        return action_notifications.Subject([], [])

    def _check(self) -> None:
        if not server_state.pending_reattach(self.instance):
            raise exception.PciActionRefused(
                reason=_('The server lacks none of its PCI devices.')
            )

    def attempt(self, state: str = server_state.FAILED) -> None:
        """Attach what is missing to the guest, if it runs.

        What is stopped gets its devices back when it is started.

        :param state: that of the devices that cannot be attached
        :raises PciDeviceNotPlugged: for the first of them
        """
        errors: dict[str, exception.PciDeviceNotPlugged] = {}
        for device in self.missing():
            try:
                self.driver.attach_pci(self.context, self.instance, [device])
                LOG.info(
                    'Live migration: PCI device %s is attached',
                    device.address,
                    instance=self.instance,
                )
            except exception.PciDeviceNotPlugged as error:
                errors[device.address] = error
            except Exception as error:
                errors[device.address] = exception.PciDeviceNotPlugged(
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
        """Give the devices that the guest is to have and has not, for good."""
        attached = self.driver.persistent_pci(self.instance)
        if attached is None:
            return []
        not_wanted = attached | server_state.pending_detach(self.instance)
        request_ids = server_state.pending_reattach(self.instance)
        return [
            device
            for device in self.owned()
            if device.request_id in request_ids
            and device.address not in not_wanted
        ]

    def unasked(self) -> set[str]:
        """Give the requests of what the guest let go of without need.

        It may have been asked by a live migration that was given up because
        the guest did not answer in time.
        """
        attached = self.attached()
        if attached is None:
            return set()
        wanted = {
            request.request_id
            for request in instance_devices.requests_of(self.instance)
            if request.source != objects.InstancePCIRequest.NEUTRON_PORT
        } - {
            request.request_id
            for request in instance_devices.unfinished(self.instance)
        }
        not_wanted = attached | server_state.pending_detach(self.instance)
        return {
            device.request_id
            for device in self.owned()
            if device.request_id in wanted and device.address not in not_wanted
        }

    def notice(self) -> None:
        """Mark what the guest let go of without need."""
        server_state.PENDING_REATTACH.mark(
            self.instance, self.unasked(), self.operation_id
        )

    def take(self) -> bool:
        """Take the server for an attempt.

        :returns: whether nobody else has it
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


def lacks(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
) -> bool:
    """Tell whether the guest of a server lacks a device that is its own.

    While a live migration goes on it does, and that is nothing to mend.
    """
    again = Reattach(compute, context, server_uuid, str(context.request_id))
    try:
        again.reload()
    except nova_exception.InstanceNotFound:
        return False
    if server_state.pending_reattach(again.instance):
        return False
    return bool(again.unasked())
