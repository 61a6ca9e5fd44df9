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

"""Base of everything that changes the PCI devices of a server."""

from collections.abc import Iterator
import contextlib

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import rpc
from nova.compute import task_states
from nova.compute import vm_states
from oslo_log import log as logging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import action_notifications
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.i18n import _
from pci_ext.virt.handlers import base

LOG = logging.getLogger(__name__)

#: In these task states Nova has detached the devices, and attaches them again.
_DEVICES_ARE_OUT = (task_states.SUSPENDING, task_states.RESUMING)

_ATTRS = ['system_metadata', 'pci_requests', 'numa_topology', 'flavor']


class ServerNotIdle(exception.PciExtException):
    """Nova has the server, or has moved it to another host."""

    msg_fmt = _('A task of Nova has the server')


def _load(
    context: nova_context.RequestContext, server_uuid: str
) -> 'objects.Instance':
    return objects.Instance.get_by_uuid(
        context, server_uuid, expected_attrs=_ATTRS
    )


def find_instance(
    context: nova_context.RequestContext, server_uuid: str
) -> 'objects.Instance | None':
    """Load a server; None if it is deleted."""
    try:
        return _load(context, server_uuid)
    except nova_exception.InstanceNotFound:
        return None


class ServerTask:
    """A task on the PCI devices of a server on this host.

    :param compute: Nova's compute manager
    :param server_uuid: uuid of the server
    :param operation_id: id of the operation or live migration
    :ivar instance: None until the server is loaded
    :cvar action: the action in notifications
    """

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

    @property
    def driver(self) -> base.DeviceHandler:
        return self.compute.driver

    @property
    def rt(self) -> nova_compute.ResourceTracker:
        return self.compute.rt

    def reload(self) -> None:
        """Load the server.

        :raises nova.exception.InstanceNotFound: if it is deleted
        """
        self.instance = self._read()

    def _read(self) -> 'objects.Instance':
        return _load(self.context, self.server_uuid)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Load the server, and let no task of Nova begin with it meanwhile.

        To be called with the instance lock held. A server that an operation
        has stays with it. If nova-compute is killed, its next start finds a
        detach that had not begun.

        :raises ServerNotIdle: if a task of Nova has it, or moved it away
        """
        self.reload()
        instance = self.instance
        if instance.task_state in server_state.TASK_STATES:
            yield
            return
        if (
            instance.host != self.compute.host
            or instance.vm_state == vm_states.RESIZED
        ):
            raise ServerNotIdle()
        instance.task_state = server_state.DETACHING_PCI
        try:
            instance.save(
                expected_task_state=[None],
                expected_vm_state=[instance.vm_state],
            )
        except nova_exception.InstanceUpdateConflict as error:
            raise ServerNotIdle() from error
        try:
            yield
        finally:
            instance = self._read()
            instance.task_state = None
            # A delete may have replaced the task state.
            with contextlib.suppress(nova_exception.UnexpectedTaskStateError):
                instance.save(expected_task_state=[server_state.DETACHING_PCI])

    def owned(self) -> instance_devices.Devices:
        """Return the devices that are claimed or allocated for the server."""
        return instance_devices.get_devices(self.rt, self.instance)

    def pending_detach(self) -> frozenset[str]:
        """Return the addresses of the devices with a pending detach."""
        return frozenset(
            server_state.pending_detach(self.instance, self.owned())
        )

    def in_guest(self) -> frozenset[str]:
        """Return the addresses of the devices in the guest, if it runs."""
        return self.driver.attached_pci(self.instance) or frozenset()

    def attached(self) -> frozenset[str] | None:
        """Return the addresses of the attached devices.

        :returns: None for a server that is not running, or is being suspended
            or resumed: it gets missing devices back by itself
        """
        if self.instance.task_state in _DEVICES_ARE_OUT:
            return None
        return self.driver.attached_pci(self.instance)

    def free(self, devices: instance_devices.Devices) -> None:
        """Free the devices that are not in the guest.

        Devices in the guest get a pending detach: they are freed when the
        guest releases them.
        """
        in_guest = self.in_guest()
        remaining = [each for each in devices if each.address in in_guest]
        server_state.mark_pending_detach(
            self.instance, remaining, self.operation_id
        )
        for device in remaining:
            LOG.error(
                'PCI device %s stays allocated: the guest has it',
                device.address,
                instance=self.instance,
            )
        self.rt.free_pci_devices(
            self.context,
            [each for each in devices if each.address not in in_guest],
            self.instance,
        )

    def sync_requests(self, request_ids: set[str]) -> None:
        """Set the count of requests to the devices that the server has.

        The requests are read again. A move may have replaced them, if it took
        the server from an operation: by an evacuation, or when the state of
        the server was reset. Then they are those of another host.
        """
        # Saves what could not be saved before: after a restart a freed device
        # would be the server's again, without a request.
        self.rt.free_pci_devices(self.context, [], self.instance)
        self.reload()
        if self.instance.host != self.compute.host:
            LOG.warning(
                'The requests are not changed: the server has moved',
                instance=self.instance,
            )
            return
        owned = self.owned()
        instance_devices.sync_requests(self.instance, request_ids, owned)
        server_state.drop_reattach_errors(
            self.instance, [device.address for device in owned]
        )
        instance_devices.update_request_spec(self.context, self.instance)

    def report_pools(self) -> None:
        """Report the pools of the host now, not with the next period."""
        try:
            self.rt.update_usage(
                self.context, self.instance, self.instance.node
            )
        except Exception:
            LOG.exception(
                'The pools of the host are reported with the next period',
                instance=self.instance,
            )

    def subject(self) -> action_notifications.Subject:
        """Return the requests and devices that notifications name."""
        return action_notifications.Subject([], [])

    @rpc.if_notifications_enabled
    def notify(self, phase: str, error: Exception | None = None) -> None:
        """Send a notification; log a failure to do so."""
        try:
            action_notifications.notify(
                self.context,
                # With its present task state.
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
