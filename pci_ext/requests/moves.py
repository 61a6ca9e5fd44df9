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

"""The PCI requests that a server keeps when it moves.

Nova makes the requests of a server that moves from its flavor, and keeps only
those of ports. The flavor does not include devices that were attached to the
server later, and still includes devices that were detached.
"""

import collections
import contextlib

from nova import objects
from nova.virt import hardware
from oslo_utils import uuidutils

from pci_ext import server_state
from pci_ext.matching import compiled_requests
from pci_ext.requests import call_arguments
from pci_ext.requests import instance_requests


def moving(
    instance: 'objects.Instance', is_running: bool = False
) -> contextlib.AbstractContextManager[None]:
    """Make requests of a flavor for this server in this thread.

    :param is_running: whether the server keeps running while it moves
    """
    return call_arguments.passing(
        moving_instance=instance, is_running=is_running
    )


def adjust_for_move(
    flavor: 'objects.Flavor', requests: instance_requests.InstanceRequests
) -> instance_requests.InstanceRequests:
    """Turn the requests of a flavor into those of the server that moves.

    With a new flavor the result is its requests and the hot-attached ones.
    With the same flavor, detached devices are left out, too. A server that
    keeps running keeps its requests with their ids: Nova claims devices for
    these ids.

    :param requests: requests of the flavor, which may be changed
    :returns: the same requests if no server moves
    """
    instance = call_arguments.current().moving_instance
    if instance is None or not instance.pci_requests:
        return requests
    if call_arguments.current().is_running:
        return instance_requests.list_without_ports(instance)
    owned = [
        each
        for request in instance_requests.list_without_ports(instance)
        if _is_attached(request)
        and (each := _reduce(request.obj_clone(), instance)).count
    ]
    if flavor.id == instance.flavor.id:
        requests = _cap_counts(requests, owned)
    return requests + [
        _clone_with_new_id(each)
        for each in owned
        if server_state.is_hot_attached(each)
    ]


def keeps_flavor(flavor: 'objects.Flavor') -> bool:
    """Tell whether a server moves with this flavor, which it has already."""
    instance = call_arguments.current().moving_instance
    return instance is not None and bool(flavor.id == instance.flavor.id)


def affinity_policy(flavor: 'objects.Flavor') -> str | None:
    """Return the NUMA policy of a flavor for the server that moves.

    Nova passes the policy only when a server is booted: its aliases have
    policies of their own.

    :returns: None if no server moves, or neither flavor nor image has one
    """
    instance = call_arguments.current().moving_instance
    if instance is None:
        return None
    policy: str | None = hardware.get_pci_numa_policy_constraint(
        flavor, instance.image_meta
    )
    return policy


def sync_request_spec(
    spec: 'objects.RequestSpec', instance: 'objects.Instance'
) -> None:
    """Set the requests of a request spec to those of the server.

    Requests of ports in the request spec are not changed: those of the server
    may name physical networks or devices of its current host. Those of ports
    that the server does not have any more are removed.
    """
    ports = {
        each.requester_id
        for each in instance_requests.list_requests(instance)
        if instance_requests.is_for_port(each)
    }
    spec.pci_requests = objects.InstancePCIRequests(
        instance_uuid=instance.uuid,
        requests=[
            each.obj_clone()
            for each in instance_requests.list_without_ports(instance)
            if _is_attached(each)
        ]
        + [
            each
            for each in (
                spec.pci_requests.requests if _has_requests(spec) else ()
            )
            if instance_requests.is_for_port(each)
            and each.requester_id in {None, *ports}
        ],
    )


def drop_unfinished(instance: 'objects.Instance') -> None:
    """Remove from a server without a host what no host will finish.

    The devices that its guest was to release, and those of an attach that was
    neither completed nor undone, are free. Others are claimed for its
    requests.
    """
    pending = server_state.pending_detaches(instance)
    requests = instance_requests.list_requests(instance)
    kept = [
        request
        for request in requests
        if not server_state.is_attaching(request)
        and _reduce(request, instance).count
    ]
    if pending or len(kept) < len(requests):
        instance.pci_requests = objects.InstancePCIRequests(
            instance_uuid=instance.uuid, requests=kept
        )
    server_state.PENDING_DETACH.remove(instance, pending)


def _reduce(
    request: 'objects.InstancePCIRequest', instance: 'objects.Instance'
) -> 'objects.InstancePCIRequest':
    """Leave devices with a pending detach out of the count of a request.

    The guest is started anew, and so has released them.
    """
    request.count -= sum(
        mark.request_id == request.request_id
        for mark in server_state.pending_detaches(instance).values()
    )
    return request


def _has_requests(spec: 'objects.RequestSpec') -> bool:
    return 'pci_requests' in spec and bool(spec.pci_requests)


def _is_attached(request: 'objects.InstancePCIRequest') -> bool:
    """Tell whether a request is of boot or of a completed attach.

    A request of an attach that was not completed does not move.
    """
    return request.requester_id in (None, server_state.HOT_ATTACHED)


def _cap_counts(
    requests: instance_requests.InstanceRequests,
    owned: instance_requests.InstanceRequests,
) -> instance_requests.InstanceRequests:
    """Lower the counts of requests to those of the server."""
    left: collections.Counter[tuple[str, ...]] = collections.Counter()
    for request in owned:
        if not server_state.is_hot_attached(request):
            left[_requested_name(request)] += request.count
    for request in requests:
        key = _requested_name(request)
        request.count = min(request.count, left[key])
        left[key] -= request.count
    return [request for request in requests if request.count]


def _requested_name(request: 'objects.InstancePCIRequest') -> tuple[str, ...]:
    """Return the name in a request and the kind of the name.

    A PCI flavor, a device and an alias may have the same name.
    """
    kinds = compiled_requests.MARKERS.intersection(*request.spec)
    return (request.alias_name, *sorted(kinds))


def _clone_with_new_id(
    request: 'objects.InstancePCIRequest',
) -> 'objects.InstancePCIRequest':
    """Copy a request with a new id, to claim other devices for it.

    Until the move is confirmed, the devices on the old host, which may be the
    new host too, belong to the old id.
    """
    copy = request.obj_clone()
    copy.request_id = uuidutils.generate_uuid()
    # Placement chooses anew; those of an earlier move are on its host.
    copy.spec = [
        {key: spec[key] for key in spec.keys() - {'rp_uuids'}}
        for spec in request.spec
    ]
    return copy
