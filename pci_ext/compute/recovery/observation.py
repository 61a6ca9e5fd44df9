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

"""Read the state of a server that recovery decides about."""

from nova import context as nova_context
from nova import objects
from nova.compute import vm_states

from pci_ext import server_state
from pci_ext.compute import deleted_ports
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import server_task
from pci_ext.compute.recovery import observed_state
from pci_ext.requests import instance_requests

#: States of servers whose guest is not to run.
_OFF = (vm_states.STOPPED, vm_states.SUSPENDED, vm_states.SHELVED)

#: In place of a task state: the devices of both hosts are the server's.
_RESIZED = 'resized'

#: In place of a task state: the domain that an unrescue starts may have the
#: devices of ports that were deleted since the rescue, or are not on record.
_RESCUED = 'rescued'


def observe(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
    stale_operation: str | None,
    *,
    retry_failed: bool,
) -> observed_state.State | None:
    """Read the state of a server.

    To be called with the instance lock held, after Nova has scanned the
    devices.

    :param stale_operation: id of an operation that does not run any more
    :param retry_failed: whether attempts to reattach that failed do not count
    :returns: None if the server is not on this host
    """
    instance = server_task.find_instance(context, server_uuid)
    if instance is None or instance.host != compute.host:
        return None
    attached = compute.driver.attached_pci(instance)
    persistent = compute.driver.persistent_pci(instance) or frozenset()
    owned = instance_devices.get_devices(compute.rt, instance)
    ports = {
        request.request_id
        for request in instance_requests.list_requests(instance)
        if instance_requests.is_for_port(request)
    }
    deleted = deleted_ports.find(compute, instance)
    requested = {
        request.request_id
        for request in instance_requests.list_requests(instance)
    }
    unrequested = {each.request_id for each in owned} - requested
    # Reads the definition of the guest once more.
    interfaces = (
        compute.driver.all_attached_pci(instance)
        if deleted or unrequested
        else None
    )
    # One without a request may be that of a port.
    in_guest = (attached or frozenset()) | (interfaces or frozenset())
    operation = server_state.operation_id(instance)
    errors = server_state.reattach_errors(instance).values()
    pending = server_state.pending_detach(instance, owned)
    return observed_state.State(
        task_state=_task_state(
            instance, has_lost_devices=bool(deleted or unrequested)
        ),
        operation=operation,
        is_completed=bool(
            operation
            and operation
            == instance.system_metadata.get(server_state.COMPLETED)
        ),
        is_stale=operation == stale_operation,
        guest=_guest(instance, attached),
        devices=tuple(
            observed_state.Device(
                address=device.address,
                request_id=device.request_id,
                is_allocated=device.status == 'allocated',
                in_guest=device.address in in_guest,
                in_definition=device.address in persistent,
            )
            for device in owned
            if device.request_id not in ports
        ),
        devices_of_deleted_ports=tuple(
            observed_state.Device(
                address=device.address,
                request_id=device.request_id,
                in_guest=device.address in (interfaces or ()),
            )
            for device in owned
            if device.request_id in deleted
        ),
        requests=tuple(
            _request(each)
            for each in instance_requests.list_without_ports(instance)
        ),
        pending_detach=pending,
        void_detach=frozenset(
            server_state.PENDING_DETACH.get(instance).keys() - pending.keys()
        ),
        pending_reattach=server_state.PENDING_REATTACH.get(instance),
        gave_up_reattach=not retry_failed
        and any(error.state == server_state.FAILED for error in errors),
        foreign=_foreign(compute.rt, attached or frozenset(), owned),
    )


def _task_state(
    instance: 'objects.Instance', *, has_lost_devices: bool
) -> str | None:
    if instance.vm_state == vm_states.RESIZED:
        return _RESIZED
    if instance.vm_state == vm_states.RESCUED and has_lost_devices:
        return _RESCUED
    task_state: str | None = instance.task_state
    return task_state


def _guest(
    instance: 'objects.Instance', attached: frozenset[str] | None
) -> observed_state.Guest:
    if attached is not None:
        return observed_state.Guest.RUNNING
    if instance.vm_state in _OFF:
        return observed_state.Guest.OFF
    return observed_state.Guest.MISSING


def _request(request: 'objects.InstancePCIRequest') -> observed_state.Request:
    return observed_state.Request(
        request_id=request.request_id,
        count=request.count,
        attach=(
            instance_devices.attach_operation(request)
            if server_state.is_attaching(request)
            else None
        ),
        is_hot=server_state.is_hot_attached(request),
    )


def _foreign(
    rt: nova_compute.ResourceTracker,
    attached: frozenset[str],
    owned: instance_devices.Devices,
) -> frozenset[str]:
    """Return the tracked devices in a guest that are not its server's."""
    others = attached - {device.address for device in owned}
    if not others:
        return others
    return others & {
        device.address for device in instance_devices.tracked_devices(rt)
    }
