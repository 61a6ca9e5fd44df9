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

"""What Nova has on record of the PCI devices of a server.

Devices, claimed and allocated, are those of Nova's tracker. The requests that
they were claimed for are kept with the server, for what is claimed when it
moves, and once more in its request spec, for the scheduler.
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
from pci_ext.requests import moves

LOG = logging.getLogger(__name__)

Devices = list['objects.PciDevice']
Requests = list['objects.InstancePCIRequest']


def tracked_devices(rt: nova_compute.ResourceTracker) -> Devices:
    """Return the devices of this host; none before Nova has scanned them.

    :returns: the tracker's own records, which alone may be changed
    """
    return [] if rt.pci_tracker is None else list(rt.pci_tracker.pci_devs)


def devices_of(
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


def pool_keys(
    rt: nova_compute.ResourceTracker, device: 'objects.PciDevice'
) -> dict[str, Any]:
    """Return the attributes by which the pool of a device is grouped.

    :returns: empty for a device that the host does not offer any more
    """
    if rt.pci_tracker is None:
        return {}
    return rt.pci_tracker.stats._create_pool_keys_from_dev(device) or {}


def requests_of(instance: 'objects.Instance') -> Requests:
    return list(instance.pci_requests.requests)


def begin(requests: Requests, operation_id: str) -> None:
    """Say of requests that they are not all attached yet."""
    for request in requests:
        request.requester_id = f'{server_state.ATTACHING}{operation_id}'


def operation_of(request: 'objects.InstancePCIRequest') -> str:
    """Give the id of the operation that attaches a request."""
    return str(request.requester_id).removeprefix(server_state.ATTACHING)


def unfinished(instance: 'objects.Instance') -> Requests:
    """Give the requests that are being attached, or were in the past."""
    return [
        request
        for request in requests_of(instance)
        if server_state.is_attaching(request)
    ]


def confirm(
    instance: 'objects.Instance', request_ids: Collection[str]
) -> None:
    """Say of requests that all their devices are attached."""
    requests = requests_of(instance)
    for request in requests:
        if request.request_id in request_ids:
            request.requester_id = server_state.HOT_ATTACHED
    set_requests(instance, requests)


def set_requests(
    instance: 'objects.Instance', requests: Iterable[Any]
) -> None:
    """Record the requests of a server."""
    instance.pci_requests = objects.InstancePCIRequests(
        instance_uuid=instance.uuid, requests=list(requests)
    )
    instance.save()


def settle(
    instance: 'objects.Instance',
    request_ids: Collection[str],
    devices: Devices,
) -> None:
    """Make requests ask for what a server has of them, and record that.

    :param request_ids: the requests to look at
    :param devices: all devices of the server
    """
    settled = []
    for request in requests_of(instance):
        if request.request_id in request_ids:
            count = sum(
                device.request_id == request.request_id for device in devices
            )
            if not count:
                continue
            request.count = count
        settled.append(request)
    set_requests(instance, settled)


def update_request_spec(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> None:
    """Let the scheduler know the requests of a server.

    The request spec is in the API database, which the conductor of a cell
    need not reach.
    """
    try:
        spec = objects.RequestSpec.get_by_instance_uuid(context, instance.uuid)
        moves.count(spec, instance)
        spec.save()
    except nova_exception.RequestSpecNotFound:
        LOG.debug('There is no request spec', instance=instance)
    except Exception:
        LOG.exception(
            'The request spec was not updated: nova-api will do so before '
            'the server moves',
            instance=instance,
        )
