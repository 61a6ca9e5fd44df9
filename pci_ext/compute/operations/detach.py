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

"""Detach PCI devices from a server: all that are named, or none."""

from collections.abc import Callable
from collections.abc import Sequence

from nova import context as nova_context
from nova import objects
from nova.objects import fields
from oslo_log import log as logging
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import steps

LOG = logging.getLogger(__name__)


def _go_on() -> None:
    """Take a step that was taken before the interruption."""


class Detach(operation.Operation):
    """One detach from one server.

    :param dev_ids: the devices, as the hypervisor names them
    """

    name = 'detach_pci'
    task_state = server_state.DETACHING_PCI
    action = action_notifications.DETACH

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        context: nova_context.RequestContext,
        server_uuid: str,
        operation_id: str,
        dev_ids: Sequence[str],
    ) -> None:
        super().__init__(compute, context, server_uuid, operation_id)
        self.dev_ids = list(dev_ids)
        self.devices: instance_devices.Devices = []
        self._request_ids: set[str] = set()
        # Addresses of the devices that the guest does not let go of.
        self._kept: set[str] = set()
        self._subject = action_notifications.Subject.of([], [])

    def run(self, answer: Callable[[], None]) -> None:
        """Detach the devices.

        Once the guest has let go of all of them, they are freed and there is
        no way back. Until then, those that it let go of are given back.

        :param answer: called once it is certain that all are the server's
        :raises PciActionRefused: if they are not; before the answer
        :raises PciDeviceNotUnplugged: if the guest keeps one; it is freed as
            soon as the guest lets go of it after all
        """
        self.load()
        with self.announced():
            steps.run(
                (
                    steps.Step('own', self._find, self.give_back),
                    steps.Step('announce', self.announce),
                    steps.Step('mark', self._mark, self._unmark),
                    steps.Step('answer', answer),
                    *self._ending(),
                )
            )
        self.publish()

    def resume(self) -> bool:
        """End a detach that was interrupted.

        :returns: whether the devices are detached; if not, the guest had not
            been asked for them yet
        :raises PciDeviceNotUnplugged: if the guest keeps a device
        """
        self.reload()
        asked_for = server_state.pending_detach(
            self.instance, self.operation_id
        )
        if not asked_for and not self.is_done():
            self.give_back()
            return False
        self.devices = [
            device for device in self.owned() if device.address in asked_for
        ]
        # Devices that are free already do not tell what they were for.
        self._request_ids = {
            request.request_id
            for request in instance_devices.requests_of(self.instance)
            if request.source != objects.InstancePCIRequest.NEUTRON_PORT
            and request.request_id is not None
        }
        self._describe()
        steps.run(
            (
                steps.Step('own', _go_on, self.give_back),
                steps.Step('mark', _go_on, self._unmark),
                *self._ending(),
            )
        )
        self.publish()
        return True

    def _ending(self) -> Sequence[steps.Step]:
        return (
            steps.Step('unplug', self._unplug, self._plug),
            steps.Step('free', self._free, self._settle),
            steps.Step('conclude', self.conclude),
            steps.Step('record', self._settle),
            steps.Step('finish', self.finish),
        )

    def _find(self) -> None:
        by_dev_id = {
            device.dev_id: device
            for device in self.owned()
            if device.status == fields.PciDeviceStatus.ALLOCATED
        }
        ports = {
            request.request_id
            for request in instance_devices.requests_of(self.instance)
            if request.source == objects.InstancePCIRequest.NEUTRON_PORT
        }
        for dev_id in dict.fromkeys(self.dev_ids):
            if dev_id not in by_dev_id:
                raise exception.PciDeviceNotAttached(dev_id=dev_id)
            if by_dev_id[dev_id].request_id in ports:
                raise exception.PciDeviceOfPort(dev_id=dev_id)
            self.devices.append(by_dev_id[dev_id])
        # A device forgets its request when it is freed.
        self._request_ids = {device.request_id for device in self.devices}
        self._describe()

    def _describe(self) -> None:
        asked_for = {device.request_id for device in self.devices}
        self._subject = action_notifications.Subject.of(
            [
                request
                for request in instance_devices.requests_of(self.instance)
                if request.request_id in asked_for
            ],
            self.devices,
        )

    def subject(self) -> action_notifications.Subject:
        return self._subject

    def _addresses(self) -> list[str]:
        return [device.address for device in self.devices]

    def _mark(self) -> None:
        server_state.PENDING_DETACH.mark(
            self.instance, self._addresses(), self.operation_id
        )

    def _unmark(self) -> None:
        server_state.PENDING_DETACH.remove(
            self.instance, set(self._addresses()) - self._kept
        )

    def _unplug(self) -> None:
        try:
            self.driver.detach_pci(self.context, self.instance, self.devices)
        except exception.PciDeviceNotUnplugged as error:
            with excutils.save_and_reraise_exception():
                self._kept.add(error.kwargs['address'])

    def _still_owned(self) -> instance_devices.Devices:
        owned = {device.address for device in self.owned()}
        return [device for device in self.devices if device.address in owned]

    def _plug(self) -> None:
        attached = self.driver.attached_pci(self.instance)
        if attached is None:
            return
        taken_out = [
            device
            for device in self._still_owned()
            if device.address not in attached
        ]
        if taken_out:
            self.driver.attach_pci(self.context, self.instance, taken_out)

    def _free(self) -> None:
        self.free(self._still_owned())

    def _settle(self) -> None:
        self.settle(self._request_ids)
        owned = {device.address for device in self.owned()}
        server_state.PENDING_DETACH.remove(
            self.instance,
            server_state.pending_detach(self.instance, self.operation_id)
            - owned,
        )
