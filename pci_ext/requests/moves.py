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

Nova makes the requests of a server that moves of its flavor, and keeps none
but those of ports. A flavor knows nothing of the devices that were attached to
the server since, nor of those that were detached.
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
    """Make the requests of a flavor those of the server that moves with it.

    With a new flavor they are those of the flavor and what was attached; with
    the flavor that it has, less what was detached too. A server that goes on
    running keeps the very requests that it has: Nova claims devices for these
    before it asks for others.

    :param requests: those of the flavor, made for this
    :returns: the same if no server moves
    """
    instance = call_arguments.current().moving_instance
    if instance is None or not instance.pci_requests:
        return requests
    if call_arguments.current().is_running:
        return instance_requests.list_without_ports(instance)
    owned = [
        each
        for each in instance_requests.list_without_ports(instance)
        if _is_attached(each)
    ]
    if flavor.id == instance.flavor.id:
        requests = _cap_counts(requests, owned)
    return requests + [
        _clone_with_new_id(each)
        for each in owned
        if server_state.is_hot_attached(each)
    ]


def affinity_policy(flavor: 'objects.Flavor') -> str | None:
    """Give the NUMA policy of a flavor for the server that moves with it.

    Nova says it where a server is booted only: its aliases have their own.

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
    """Let a request spec ask for the devices that a server has.

    Requests of ports stay as they are: with the server they may name what is
    on its host.
    """
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
        ],
    )


def clear_pending_detach(instance: 'objects.Instance') -> None:
    """Forget what the guest of a server that moves was asked for.

    It is started anew, on the new host or once more on the old one, and has
    been asked for nothing then.
    """
    server_state.PENDING_DETACH.remove(
        instance, server_state.PENDING_DETACH.get(instance)
    )


def _has_requests(spec: 'objects.RequestSpec') -> bool:
    return 'pci_requests' in spec and bool(spec.pci_requests)


def _is_attached(request: 'objects.InstancePCIRequest') -> bool:
    """Tell a request from one whose attach was not brought to its end.

    What is left of that stays behind.
    """
    return request.requester_id in (None, server_state.HOT_ATTACHED)


def _cap_counts(
    requests: instance_requests.InstanceRequests,
    owned: instance_requests.InstanceRequests,
) -> instance_requests.InstanceRequests:
    """Lower the counts of requests to what a server has of them."""
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
    """Give the name that a request asks for, and of what it is the name.

    A PCI flavor, a device and an alias may have the same.
    """
    kinds = compiled_requests.MARKERS.intersection(*request.spec)
    return (request.alias_name, *sorted(kinds))


def _clone_with_new_id(
    request: 'objects.InstancePCIRequest',
) -> 'objects.InstancePCIRequest':
    """Copy a request, as one that other devices are claimed for.

    On the host that a server leaves, which may be the same, devices belong to
    the old one until the move is confirmed.
    """
    copy = request.obj_clone()
    copy.request_id = uuidutils.generate_uuid()
    return copy
