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

"""What attach and detach have in common: a server, and the right to it."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import rpc
from nova.compute import task_states
from oslo_log import log as logging
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.i18n import _
from pci_ext.virt.handlers import base

LOG = logging.getLogger(__name__)

#: While a server has one of these Nova has its devices out of its guest.
_DEVICES_ARE_OUT = (task_states.SUSPENDING, task_states.RESUMING)

_ATTRS = ['system_metadata', 'pci_requests', 'numa_topology', 'flavor']


class Operation:
    """An operation on the PCI devices of a server on this host.

    :param compute: Nova's compute manager
    :param server_uuid: the server
    :param operation_id: as nova-api has it on record
    :cvar name: that of the action, as users see it
    :cvar task_state: what the server has for as long as it takes
    :cvar action: that of its notifications
    """

    name = ''
    task_state = ''
    action = ''

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        context: nova_context.RequestContext,
        server_uuid: str,
        operation_id: str,
    ) -> None:
        self.compute = compute
        self.context = context
        self.server_uuid = server_uuid
        self.operation_id = operation_id
        self.instance: objects.Instance = None
        self._announced = False

    @property
    def driver(self) -> base.DeviceHandler:
        return self.compute.driver

    @property
    def rt(self) -> nova_compute.ResourceTracker:
        return self.compute.rt

    def run(self, answer: Callable[[], None]) -> None:
        """Run the operation.

        :param answer: called once it is certain that nothing is missing
        :raises PciActionRefused: before the answer, if something is
        """
        raise NotImplementedError()

    def load(self) -> None:
        """Read the server, and see that it is still ours to change.

        nova-api may have given up, or this may be a message that waited for
        a nova-compute to be started again.

        :raises PciActionRefused: if it is not
        """
        self.instance = self._read()
        self._check_current(self.instance)

    def _check_current(self, instance: 'objects.Instance') -> None:
        if self.is_current(instance):
            return
        reason = _('The operation was given up.')
        if instance.task_state not in (None, self.task_state):
            reason = _(
                'The operation was given up: the server is in task state '
                '%(task_state)s.'
            ) % {'task_state': instance.task_state}
        raise exception.PciActionRefused(reason=reason)

    def reload(self) -> None:
        """Read the server, whether or not it is still ours to change.

        :raises nova.exception.InstanceNotFound: if it is gone
        """
        self.instance = self._read()

    def _read(self) -> 'objects.Instance':
        return objects.Instance.get_by_uuid(
            self.context, self.server_uuid, expected_attrs=_ATTRS
        )

    def is_current(self, instance: 'objects.Instance') -> bool:
        return (
            instance.host == self.compute.host
            and instance.task_state == self.task_state
            and server_state.operation_id(instance) == self.operation_id
        )

    def owned(self) -> instance_devices.Devices:
        """Give the devices that the server has on record now."""
        return instance_devices.devices_of(self.rt, self.instance)

    def held(self) -> frozenset[str]:
        """Give the addresses of the devices that its domain has now."""
        attached = self.driver.attached_pci(self.instance)
        return frozenset() if attached is None else attached

    def attached(self) -> frozenset[str] | None:
        """Give the addresses that its domain has, if it is to have any.

        :returns: None for a server that is not running, or is being suspended
            or resumed: what it lacks now it gets back
        """
        if self.instance.task_state in _DEVICES_ARE_OUT:
            return None
        attached: frozenset[str] | None = self.driver.attached_pci(
            self.instance
        )
        return attached

    def free(self, devices: instance_devices.Devices) -> None:
        """Free devices, but never one that the domain holds.

        Such a device is freed when the guest lets go of it.
        """
        held = self.held()
        server_state.PENDING_DETACH.mark(
            self.instance,
            [device.address for device in devices if device.address in held],
            self.operation_id,
        )
        for device in devices:
            if device.address in held:
                LOG.error(
                    'PCI device %s stays allocated: the guest has it',
                    device.address,
                    instance=self.instance,
                )
            else:
                self.rt.unclaim_pci_devices(
                    self.context, device, self.instance
                )

    def settle(self, request_ids: set[str]) -> None:
        """Make the records of the server agree with the devices it has."""
        instance_devices.settle(self.instance, request_ids, self.owned())
        instance_devices.update_request_spec(self.context, self.instance)

    def conclude(self) -> None:
        """Note, for who comes after a crash, that all is done."""
        self.instance.system_metadata[server_state.COMPLETED] = (
            self.operation_id
        )
        self.instance.save()

    def reopen(self) -> None:
        """Take back what :meth:`conclude` noted."""
        # Another copy: the server may have been given back.
        instance = self._read()
        if (
            instance.system_metadata.pop(server_state.COMPLETED, None)
            is not None
        ):
            instance.save()

    def is_done(self) -> bool:
        noted = self.instance.system_metadata.get(server_state.COMPLETED)
        return bool(noted == self.operation_id)

    def finish(self) -> None:
        """Give the server back.

        :raises PciActionRefused: or nova.exception.UnexpectedTaskStateError,
            if it is not ours any more
        """
        # Another copy: what is undone if this fails is saved without it.
        instance = self._read()
        self._check_current(instance)
        instance.task_state = None
        for key in (server_state.OPERATION, server_state.COMPLETED):
            instance.system_metadata.pop(key, None)
        server_state.release_reservation(instance)
        instance.save(expected_task_state=[self.task_state])

    def give_back(self) -> None:
        """Give the server back after a failure, if it is still ours."""
        if self.is_current(self._read()):
            try:
                self.finish()
            except nova_exception.UnexpectedTaskStateError:
                LOG.info('Another task has the server', instance=self.instance)

    def publish(self) -> None:
        """Report the pools of the host at once, not with the next period."""
        try:
            self.rt.update_usage(
                self.context, self.instance, self.instance.node
            )
        except Exception:
            LOG.exception(
                'The pools of the host are reported with the next period',
                instance=self.instance,
            )

    def announce(self) -> None:
        """Tell listeners that it begins."""
        self._announced = True
        self.notify(action_notifications.START)

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Tell listeners how it ends, if they were told that it began."""
        try:
            yield
        except Exception as error:
            with excutils.save_and_reraise_exception():
                if self._announced:
                    self.notify(action_notifications.ERROR, error)
        self.notify(action_notifications.END)

    @rpc.if_notifications_enabled
    def notify(self, phase: str, error: Exception | None = None) -> None:
        """Send a notification; a failure to do so fails nothing else."""
        try:
            action_notifications.notify(
                self.context,
                # As it is now, with its task state.
                self._read(),
                self.compute.host,
                self.action,
                phase,
                self.subject(),
                error,
            )
        except Exception:
            LOG.exception(
                'The notification %s.%s was not sent',
                self.action,
                phase,
                instance=self.instance,
            )

    def subject(self) -> action_notifications.Subject:
        """Give the requests and devices that notifications are to name."""
        raise NotImplementedError()
