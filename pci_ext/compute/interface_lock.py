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

"""Seam: attach and detach of ports take the instance lock.

Nova saves the PCI requests of the server as they were when nova-api called,
with its own change: that would undo an attach or detach of devices since. And
PciDevTracker.claims holds one claim per instance: a second overwrites it. So
attach and detach of ports and of devices take the instance lock.
Nova does not free the claims of a port whose attach fails; this module does.

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


def install(compute: nova_compute.ComputeManager) -> None:
    """Wrap the methods of Nova's compute manager.

    :raises SeamChanged: if one has other parameters than expected
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
            compute,
            name,
            functools.partial(_with_instance_lock, compute, name, method),
        )


def _with_instance_lock(
    compute: nova_compute.ComputeManager,
    name: str,
    method: Callable[..., Any],
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    *args: Any,
) -> Any:
    """Call a method with the present requests and devices of the server.

    :raises nova.exception.InstanceInvalidState: for an attach, which nova-api
        waits for, while devices are attached or detached
    """
    port_specs = port_attach.read_port_specs(instance)
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
            tracker.holding_claims(instance.uuid)
            if tracker is not None
            else contextlib.nullcontext()
        )
        try:
            with port_attach.passing_port_specs(port_specs), claiming:
                return method(context, instance, *args)
        except Exception:
            with excutils.save_and_reraise_exception():
                if name == _ATTACH:
                    added = _request_ids(instance) - before
                    _unclaim(compute, context, instance, added)

    return run()


def _request_ids(instance: 'objects.Instance') -> set[str]:
    return {request.request_id for request in instance.pci_requests.requests}


def _unclaim(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    request_ids: Collection[str],
) -> None:
    """Free the devices that are still claimed for a port.

    A resize to the same host may have claimed devices for the server too:
    Nova does not wait for the attach.

    :param request_ids: the requests that Nova added for the port
    """
    claimed = [
        device
        for device in instance_devices.get_devices(compute.rt, instance)
        if device.status == fields.PciDeviceStatus.CLAIMED
        and device.request_id in request_ids
    ]
    compute.rt.free_pci_devices(context, claimed, instance)


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
