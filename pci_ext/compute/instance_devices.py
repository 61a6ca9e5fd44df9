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

"""The records of a server's PCI devices: requests, and claimed devices.

Claimed and allocated devices are those of Nova's tracker. The requests that
they were claimed for are kept with the instance, for the claims of a move, and
in its request spec, for the scheduler.
"""

from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext import server_state
from pci_ext.compute import nova_compute
from pci_ext.requests import instance_requests
from pci_ext.requests import moves

LOG = logging.getLogger(__name__)

Devices = list['objects.PciDevice']
Requests = list['objects.InstancePCIRequest']


def tracked_devices(rt: nova_compute.ResourceTracker) -> Devices:
    """Return the devices of this host; none before Nova has scanned them.

    :returns: the tracker's own records, which alone may be changed
    """
    return [] if rt.pci_tracker is None else list(rt.pci_tracker.pci_devs)


def get_devices(
    rt: nova_compute.ResourceTracker, instance: 'objects.Instance'
) -> Devices:
    """Return the devices that are claimed or allocated for a server here.

    :returns: the tracker's own records, which alone may be changed
    """
    return [
        device
        for device in tracked_devices(rt)
        if device.instance_uuid == instance.uuid
    ]


def drop_untracked(
    context: nova_context.RequestContext,
    rt: nova_compute.ResourceTracker,
    instance: 'objects.Instance',
) -> None:
    """Remove from an instance the devices that its guest here cannot have.

    Nova loads the devices of an instance lazily with those whose rows are
    deleted, by which the instance may name a device that another server has
    now. It loads those of another host, too: a host that is away frees the
    devices of an evacuated server later, and both hosts of a resize have
    devices until it is confirmed. The request of a device is lost if Nova
    attaches a port and cannot record it. To be called before a guest gets the
    devices of the instance.

    :param context: of an administrator
    """
    named = list(instance.pci_devices or ())
    if not named:
        return
    ids = {device.id for device in _devices_of_guest(context, rt, instance)}
    unknown = [device for device in named if device.id not in ids]
    if unknown:
        LOG.warning(
            'The guest does not get the PCI devices %s: the server does not '
            'have them on this host, or has no request for them.',
            ', '.join(sorted(device.address for device in unknown)),
            instance=instance,
        )
        instance.pci_devices = objects.PciDeviceList(
            objects=[device for device in named if device.id in ids]
        )
        instance.obj_reset_changes(['pci_devices'])


def _devices_of_guest(
    context: nova_context.RequestContext,
    rt: nova_compute.ResourceTracker,
    instance: 'objects.Instance',
) -> Devices:
    if rt.pci_tracker is not None:
        devices = get_devices(rt, instance)
    else:
        # Before the first scan there is no tracker, but there are its rows.
        nodes = objects.ComputeNodeList.get_all_by_host(context, rt.host)
        node_ids = {node.id for node in nodes}
        devices = [
            device
            for device in objects.PciDeviceList.get_by_instance_uuid(
                context, instance.uuid
            )
            if device.compute_node_id in node_ids
        ]
    # After a resize, this host may have those of before, too. Nova cannot
    # start a guest with a device that has no request.
    requests = instance_requests.by_id(
        instance_requests.list_requests(instance)
    )
    return [device for device in devices if device.request_id in requests]


def drop_pending_detach(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> bool:
    """Remove from an instance the devices that its guest was to release.

    To be called before its guest is started anew, by which it has released
    them.

    :param context: of an administrator
    :returns: whether the server has devices to be freed
    """
    devices = list(instance.pci_devices or ())
    if not devices:
        return False
    # Nova's instance may have been loaded a while ago.
    current = objects.Instance.get_by_uuid(
        context, instance.uuid, expected_attrs=['system_metadata']
    )
    pending = server_state.pending_detach(current, devices)
    if pending:
        instance.pci_devices = objects.PciDeviceList(
            objects=[each for each in devices if each.address not in pending]
        )
        instance.obj_reset_changes(['pci_devices'])
    return bool(pending)


def pool_keys(
    rt: nova_compute.ResourceTracker, device: 'objects.PciDevice'
) -> dict[str, Any]:
    """Return the attributes by which the pool of a device is grouped.

    :returns: empty for a device that the host does not offer any more
    """
    if rt.pci_tracker is None:
        return {}
    return rt.pci_tracker.stats._create_pool_keys_from_dev(device) or {}


def mark_attaching(requests: Requests, operation_id: str) -> None:
    """Mark requests as those of an attach that is not completed."""
    for request in requests:
        request.requester_id = f'{server_state.ATTACHING}{operation_id}'


def attach_operation(request: 'objects.InstancePCIRequest') -> str:
    """Return the id of the operation that attaches a request."""
    return str(request.requester_id).removeprefix(server_state.ATTACHING)


def incomplete_requests(instance: 'objects.Instance') -> Requests:
    """Return the requests of attaches in progress or interrupted."""
    return [
        request
        for request in instance_requests.list_requests(instance)
        if server_state.is_attaching(request)
    ]


def mark_attached(
    instance: 'objects.Instance', request_ids: Collection[str]
) -> None:
    """Record that all devices of requests are attached."""
    requests = instance_requests.list_requests(instance)
    for request in requests:
        if request.request_id in request_ids:
            request.requester_id = server_state.HOT_ATTACHED
    save_requests(instance, requests)


def save_requests(
    instance: 'objects.Instance', requests: Iterable[Any]
) -> None:
    """Replace the requests of a server, and save the instance."""
    instance.pci_requests = objects.InstancePCIRequests(
        instance_uuid=instance.uuid, requests=list(requests)
    )
    instance.save()


def sync_requests(
    instance: 'objects.Instance',
    request_ids: Collection[str],
    devices: Devices,
) -> None:
    """Set the count of requests to their devices, and save the instance.

    A request without devices is removed.

    :param request_ids: the requests to sync
    :param devices: all devices of the server
    """
    synced = []
    for request in instance_requests.list_requests(instance):
        if request.request_id in request_ids:
            count = sum(
                device.request_id == request.request_id for device in devices
            )
            if not count:
                continue
            request.count = count
        synced.append(request)
    save_requests(instance, synced)


def update_request_spec(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> None:
    """Copy the requests of a server into its request spec.

    The request spec is in the API database, which the conductor of a cell
    need not reach.
    """
    try:
        spec = objects.RequestSpec.get_by_instance_uuid(context, instance.uuid)
        moves.sync_request_spec(spec, instance)
        spec.save()
    except nova_exception.RequestSpecNotFound:
        LOG.debug('There is no request spec', instance=instance)
    except Exception:
        LOG.exception(
            'The request spec was not updated: nova-api will do so before '
            'the server moves',
            instance=instance,
        )
