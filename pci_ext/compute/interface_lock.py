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

"""Seam: SR-IOV ports that are attached to a server, or detached from it.

What Nova does then changes the PCI requests of the server, and writes them as
they were when nova-api called, with its change: it would undo what an attach
or detach of devices recorded since. And of two claims for one server that are
not allocated yet Nova forgets the first. So one waits for the other.
Where an attach fails half-way Nova keeps what it claimed for the port.

The methods are those of the compute manager of this process, which is known
once its driver is started; no other service has to load it.
"""

from collections.abc import Callable
from collections.abc import Collection
import contextlib
import functools
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import utils
from nova.objects import fields
from oslo_utils import excutils

from pci_ext import server_state
from pci_ext.activation import seam
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.requests import port_attach

_ATTACH = '_attach_interface'
_METHODS = {
    _ATTACH: (
        'context',
        'instance',
        'network_id',
        'port_id',
        'requested_ip',
        'tag',
    ),
    '_detach_interface': ('context', 'instance', 'port_id'),
}


def serialize(compute: nova_compute.ComputeManager) -> None:
    """Let attach and detach of ports and of devices wait for each other.

    :param compute: Nova's compute manager
    :raises SeamChanged: if it is not what this was written against
    """
    methods: dict[str, Any] = {
        name: getattr(compute, name, None) for name in _METHODS
    }
    for name, parameters in _METHODS.items():
        seam.check_parameters(
            f'nova.compute.manager.ComputeManager.{name}',
            parameters,
            methods[name],
        )
    for name, method in methods.items():
        setattr(
            compute, name, functools.partial(_alone, compute, name, method)
        )


def _alone(
    compute: nova_compute.ComputeManager,
    name: str,
    method: Callable[..., Any],
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    *args: Any,
) -> Any:
    """Do it with the server as it is, holding the lock that Nova takes too.

    :raises nova.exception.InstanceInvalidState: for an attach, which nova-api
        waits for, while devices are attached or detached
    """
    asked = port_attach.sent(instance)
    if name == _ATTACH:
        _refuse_while_busy(context, instance)

    @utils.synchronized(instance.uuid)
    def run() -> Any:
        instance.pci_requests = (
            objects.InstancePCIRequests.get_by_instance_uuid(
                context, instance.uuid
            )
        )
        instance.pci_devices = objects.PciDeviceList.get_by_instance_uuid(
            context, instance.uuid
        )
        instance.obj_reset_changes(['pci_requests', 'pci_devices'])
        before = _request_ids(instance)
        tracker = compute.rt.pci_tracker
        claiming = (
            tracker.claiming(instance.uuid)
            if tracker is not None
            else contextlib.nullcontext()
        )
        try:
            with port_attach.asking(asked), claiming:
                return method(context, instance, *args)
        except Exception:
            with excutils.save_and_reraise_exception():
                if name == _ATTACH:
                    made = _request_ids(instance) - before
                    _unclaim(compute, context, instance, made)

    return run()


def _request_ids(instance: 'objects.Instance') -> set[str]:
    return {request.request_id for request in instance.pci_requests.requests}


def _unclaim(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    request_ids: Collection[str],
) -> None:
    """Free what an attach of a port claimed, if it is still claimed.

    A resize to the same host may have claimed devices for the server too:
    Nova does not wait for the attach.

    :param request_ids: the requests that Nova made of the port
    """
    for device in instance_devices.devices_of(compute.rt, instance):
        if (
            device.status == fields.PciDeviceStatus.CLAIMED
            and device.request_id in request_ids
        ):
            compute.rt.unclaim_pci_devices(context, device, instance)


def _refuse_while_busy(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> None:
    task_state = objects.Instance.get_by_uuid(
        context, instance.uuid, expected_attrs=[]
    ).task_state
    if task_state in server_state.TASK_STATES:
        raise nova_exception.InstanceInvalidState(
            attr='task_state',
            instance_uuid=instance.uuid,
            state=task_state,
            method='attach_interface',
        )
