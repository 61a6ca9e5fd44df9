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

"""Attach PCI devices to a server: all that are asked for, or none."""

from collections.abc import Callable
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
from pci_ext.i18n import _

LOG = logging.getLogger(__name__)


def _nobody_waits() -> None:
    """Take the place of an answer where nova-api does not wait for it."""


class Attach(operation.Operation):
    """One attach to one server.

    :param requests: what to attach, as resolved by nova-api
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
        instance_devices.begin(self.requests, operation_id)

    def run(self, answer: Callable[[], None]) -> None:
        """Attach the devices.

        The requests are recorded before devices are claimed for them: Nova
        cannot handle a server that has a device without its request.

        :param answer: called as soon as the devices are the server's
        :raises PciActionRefused: if they cannot be; before the answer
        """
        self.load()
        with self.announced():
            steps.run(self._steps(answer))
        self.publish()

    def resume(self) -> bool:
        """End an attach that was interrupted.

        :returns: whether all devices are attached; none is if not
        """
        self.reload()
        devices = self._claimed()
        attached = self.driver.attached_pci(self.instance)
        complete = len(devices) == self._count and (
            attached is None
            or attached.issuperset(device.address for device in devices)
        )
        if complete:
            self._allocate()
            self._confirm()
            self.give_back()
            self.publish()
        else:
            steps.undo(self._steps(_nobody_waits))
        return complete

    def _steps(self, answer: Callable[[], None]) -> Sequence[steps.Step]:
        return (
            steps.Step('own', self._check_ports, self.give_back),
            steps.Step('announce', self.announce),
            steps.Step('record', self._record, self._unrecord),
            steps.Step('claim', self._claim, self._unclaim),
            steps.Step('answer', answer),
            steps.Step('plug', self._plug, self._unplug),
            steps.Step('allocate', self._allocate),
            steps.Step('conclude', self.conclude, self.reopen),
            steps.Step('confirm', self._confirm),
            steps.Step('finish', self.finish),
        )

    def subject(self) -> action_notifications.Subject:
        return action_notifications.Subject.of(self.requests, self._claimed())

    @property
    def _count(self) -> int:
        return sum(request.count for request in self.requests)

    def _check_ports(self) -> None:
        """See whether the guest can take the devices, before any is claimed.

        :raises PciActionRefused: if not
        """
        self.driver.check_pci_slots(self.instance, self._count)

    def _record(self) -> None:
        # On record now.
        server_state.release_reservation(self.instance)
        instance_devices.set_requests(
            self.instance,
            [*instance_devices.requests_of(self.instance), *self.requests],
        )

    def _unrecord(self) -> None:
        self.settle(self.request_ids)
        self.publish()

    def _claim(self) -> None:
        try:
            devices = self.rt.claim_pci_devices(
                self.context,
                objects.InstancePCIRequests(
                    instance_uuid=self.server_uuid, requests=self.requests
                ),
                self.instance.numa_topology,
            )
        except nova_exception.PciDeviceRequestFailed:
            # Nova's message shows the selectors.
            devices = []
        if len(devices) != self._count:
            raise exception.PciActionRefused(
                reason=_(
                    'The host of the server does not have %(count)d free PCI '
                    'devices as asked for: %(names)s.'
                )
                % {
                    'count': self._count,
                    'names': '; '.join(
                        f'{request.count}:{request.alias_name}'
                        for request in self.requests
                    ),
                }
            )

    def _claimed(self) -> instance_devices.Devices:
        return [
            device
            for device in self.owned()
            if device.request_id in self.request_ids
        ]

    def _unclaim(self) -> None:
        self.free(self._claimed())
        # What the guest does not let go of is its own.
        self._allocate()

    def _plug(self) -> None:
        self.driver.attach_pci(self.context, self.instance, self._claimed())

    def _unplug(self) -> None:
        held = self.held()
        plugged = [
            device for device in self._claimed() if device.address in held
        ]
        if plugged:
            self.driver.detach_pci(self.context, self.instance, plugged)

    def _allocate(self) -> None:
        self.rt.allocate_pci_devices_for_instance(self.context, self.instance)

    def _confirm(self) -> None:
        instance_devices.confirm(self.instance, self.request_ids)
        instance_devices.update_request_spec(self.context, self.instance)
