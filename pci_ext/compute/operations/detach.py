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

from collections.abc import Collection
from collections.abc import Sequence

from nova import context as nova_context
from nova.objects import fields
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import deleted_ports
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import steps
from pci_ext.i18n import _
from pci_ext.requests import instance_requests


def _done_before() -> None:
    """Take the place of a step that was taken before the interruption."""


class Detach(operation.Operation):
    """One detach from one server.

    :param dev_ids: names of the devices, as of the hypervisor
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
        # Addresses of the devices that the guest was asked for, and has not
        # released.
        self._not_released: set[str] = set()
        self._subject = action_notifications.Subject.copy([], [])

    def run(self) -> None:
        """Detach the devices; accepted if the server has all of them.

        Once the guest has released all devices, they are freed and the detach
        cannot be undone. Until then, released devices are attached again.

        :raises PciActionRefused: if the server does not have a device
        :raises PciDetachFailed: if the guest does not release a device
            in time; its detach stays pending
        """
        self.load()
        with self.announced():
            steps.run(
                (
                    steps.Step('check', self._find, self.release_server),
                    steps.Step('announce', self.announce),
                    steps.Step('mark', self._mark, self._unmark),
                    steps.Step('accept', self.accept),
                    *self._last_steps(),
                )
            )
        self.report_pools()

    def resume(self) -> bool:
        """End a detach that was interrupted.

        :returns: whether the devices are detached; if not, the detach had not
            begun in the guest
        :raises PciDetachFailed: if the guest does not release a device
        """
        self.reload()
        # Those of devices that are free already are among them.
        pending = self._marked()
        if not pending and not self.is_completed():
            self.release_server()
            return False
        self.devices = [
            device for device in self.owned() if device.address in pending
        ]
        self._find_not_released()
        # Devices that are free already have lost their request ids.
        self._request_ids = {
            request.request_id
            for request in instance_requests.list_requests(self.instance)
            if request.request_id is not None
        } - self._existing_ports()
        self._describe()
        steps.run(
            (
                steps.Step('check', _done_before, self.release_server),
                steps.Step('mark', _done_before, self._unmark),
                *self._last_steps(),
            )
        )
        self.report_pools()
        return True

    def _last_steps(self) -> Sequence[steps.Step]:
        return (
            steps.Step('detach', self._detach, self._attach),
            steps.Step('free', self._free, self._record),
            steps.Step('complete', self.mark_completed),
            steps.Step('record', self._record),
            steps.Step('finish', self.finish),
        )

    def _find(self) -> None:
        by_dev_id = {
            device.dev_id: device
            for device in self.owned()
            if device.status == fields.PciDeviceStatus.ALLOCATED
        }
        for dev_id in dict.fromkeys(self.dev_ids):
            if dev_id not in by_dev_id:
                raise exception.PciDeviceNotAttached(dev_id=dev_id)
            self.devices.append(by_dev_id[dev_id])
        ports = self._existing_ports(
            {device.request_id for device in self.devices}
        )
        for device in self.devices:
            if device.request_id in ports:
                raise exception.PciDeviceOfPort(dev_id=device.dev_id)
        self._check_interfaces()
        # A device loses its request id when it is freed.
        self._request_ids = {device.request_id for device in self.devices}
        self._describe()

    def _existing_ports(
        self, request_ids: Collection[str] | None = None
    ) -> set[str]:
        """Return the ids of the requests whose ports exist.

        :param request_ids: of those only, as Neutron is asked for each port
        """
        return {
            request.request_id
            for request in instance_requests.list_requests(self.instance)
            if instance_requests.is_for_port(request)
            and (request_ids is None or request.request_id in request_ids)
        } - deleted_ports.find(self.compute, self.instance, request_ids)

    def _check_interfaces(self) -> None:
        """Check that no device is still an interface of the guest.

        :raises PciActionRefused: for one that is; its port is deleted, so
            that Nova cannot detach the interface
        """
        interfaces = (
            self.driver.all_attached_pci(self.instance) or frozenset()
        ) - self.in_guest()
        for device in self.devices:
            if device.address in interfaces:
                raise exception.PciActionRefused(
                    reason=_(
                        'The port of PCI device %(dev_id)s is deleted, but '
                        'the guest still has its interface: reboot the '
                        'server with --hard, then the device is freed.'
                    )
                    % {'dev_id': device.dev_id}
                )

    def _describe(self) -> None:
        self._subject = action_notifications.Subject.of_devices(
            self.instance, self.devices
        )

    def subject(self) -> action_notifications.Subject:
        return self._subject

    def _mark(self) -> None:
        self._find_not_released()
        server_state.mark_pending_detach(
            self.instance, self.devices, self.operation_id
        )

    def _find_not_released(self) -> None:
        """Find the devices that an earlier detach has asked the guest for.

        Their detach stays pending if this one fails. The hypervisor removes a
        device from the definition before it asks for it.
        """
        persistent = self.driver.persistent_pci(self.instance)
        if persistent is not None:
            in_guest = self.in_guest()
            self._not_released = {
                device.address
                for device in self.devices
                if device.address in in_guest - persistent
            }

    def _marked(self) -> set[str]:
        """Return the addresses of all devices that this detach has marked."""
        return {
            address
            for address, mark in server_state.pending_detaches(
                self.instance
            ).items()
            if mark.operation == self.operation_id
        }

    def _unmark(self) -> None:
        """Remove the marks, but those of devices that are free already.

        By them recovery finds the requests of these devices.
        """
        # The response to the save of the marks may have been lost.
        self.reload()
        server_state.PENDING_DETACH.remove(
            self.instance,
            {device.address for device in self._still_owned()}
            - self._not_released,
        )

    def _detach(self) -> None:
        try:
            self.driver.detach_pci(self.context, self.instance, self.devices)
        except exception.PciDetachFailed as error:
            with excutils.save_and_reraise_exception():
                self._not_released.add(error.kwargs['address'])

    def _still_owned(self) -> instance_devices.Devices:
        owned = {device.address for device in self.owned()}
        return [device for device in self.devices if device.address in owned]

    def _attach(self) -> None:
        attached = self.driver.attached_pci(self.instance)
        if attached is None:
            return
        # What the guest releases after all is not given back to it.
        detached = [
            device
            for device in self._still_owned()
            if device.address not in attached | self._not_released
        ]
        if detached:
            self.driver.attach_pci(self.context, self.instance, detached)

    def _free(self) -> None:
        """Free the devices.

        :raises PciDetachFailed: if the guest has one; a guest that sleeps
            loses devices in its definition only
        """
        in_guest = self.in_guest()
        for device in self.devices:
            if device.address in in_guest:
                self._not_released.add(device.address)
                raise exception.PciDetachFailed(
                    address=device.address, reason=_('The guest has it.')
                )
        self.free(self._still_owned())

    def _record(self) -> None:
        self.sync_requests(self._request_ids)
        owned = {device.address for device in self.owned()}
        server_state.PENDING_DETACH.remove(
            self.instance, self._marked() - owned
        )
