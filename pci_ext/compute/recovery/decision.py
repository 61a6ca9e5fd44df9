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

"""Decide how to heal a server: from its state to actions, without effects.

The claims are the authority: a device is the server's as long as the tracker
says so. No device in a guest is freed, and no device of a failed attach stays
with the server. The actions lead to a state for which nothing is to be done,
so that healing may be interrupted at any point and repeated.
"""

from collections.abc import Iterator

from pci_ext import server_state
from pci_ext.compute.recovery import healing_actions
from pci_ext.compute.recovery import observed_state


def decide(state: observed_state.State) -> list[healing_actions.Action]:
    """Return the actions that heal a server, in their order."""
    if state.task_state in server_state.TASK_STATES:
        return _end_operation(state)
    if state.task_state is not None:
        return [healing_actions.Wait(f'the server is {state.task_state}')]
    return list(_heal_idle(state))


def _attaches(state: observed_state.State) -> list[str]:
    """Return the attaches with requests on record, in their order."""
    return list(
        dict.fromkeys(
            request.attach
            for request in state.requests
            if request.attach is not None
        )
    )


def _end_operation(
    state: observed_state.State,
) -> list[healing_actions.Action]:
    """End an operation that does not run any more."""
    if not state.is_stale:
        return [healing_actions.Wait('an operation has the server')]
    attaches = _attaches(state)
    actions: list[healing_actions.Action] = [
        healing_actions.CompleteAttach(attach)
        if state.task_state == server_state.ATTACHING_PCI
        and attach == state.operation
        and _is_attached(state, attach)
        else healing_actions.UndoAttach(attach)
        for attach in attaches
    ]
    if state.task_state == server_state.DETACHING_PCI:
        actions.append(healing_actions.ResumeDetach(state.operation))
    elif state.operation not in attaches:
        actions.append(healing_actions.EndOperation(state.operation))
    return actions


def _is_attached(state: observed_state.State, attach: str) -> bool:
    """Return whether an attach has all its devices, and the guest, too."""
    requests = {
        request.request_id: request.count
        for request in state.requests
        if request.attach == attach
    }
    devices = [
        device for device in state.devices if device.request_id in requests
    ]
    return len(devices) == sum(requests.values()) and (
        state.guest is not observed_state.Guest.RUNNING
        or all(device.in_guest for device in devices)
    )


def _heal_idle(
    state: observed_state.State,
) -> Iterator[healing_actions.Action]:
    """Heal a server that no operation and no task of Nova has."""
    for attach in _attaches(state):
        # Its failure was reported when the server was released.
        yield healing_actions.UndoAttach(attach)
    if state.operation:
        yield healing_actions.EndEvent(state.operation)
    if state.void_detach:
        yield healing_actions.ClearPendingDetach(state.void_detach)
    yield from _sync_requests(state)
    yield from _allocate(state)
    if state.guest is observed_state.Guest.MISSING:
        if (
            state.pending_detach
            or state.pending_reattach
            or state.devices_of_deleted_ports
            or _without_request(state)
        ):
            yield healing_actions.Wait('the guest does not run')
        return
    yield from _free(state)
    yield from _reattach(state)
    if state.foreign:
        yield healing_actions.Report(
            'The guest has devices that are not of its server',
            state.foreign,
        )


def _sync_requests(
    state: observed_state.State,
) -> Iterator[healing_actions.Action]:
    counts = dict.fromkeys(
        (request.request_id for request in state.requests), 0
    )
    for device in state.devices:
        if device.request_id in counts:
            counts[device.request_id] += 1
    # Devices of a flavor are claimed when the server is built.
    wrong = {
        request.request_id
        for request in state.requests
        if request.is_hot and request.count != counts[request.request_id]
    }
    if wrong:
        yield healing_actions.SyncRequests(frozenset(wrong))


def _allocate(state: observed_state.State) -> Iterator[healing_actions.Action]:
    claimed = frozenset(
        device.address
        for device in _without_attaches(state)
        if not device.is_allocated
    )
    if claimed:
        yield healing_actions.Allocate(claimed)


def _without_attaches(
    state: observed_state.State,
) -> list[observed_state.Device]:
    """Return the devices of requests that are not of an unfinished attach."""
    request_ids = {
        request.request_id
        for request in state.requests
        if request.attach is None
    }
    return [
        device for device in state.devices if device.request_id in request_ids
    ]


def _free(state: observed_state.State) -> Iterator[healing_actions.Action]:
    """Free what the guest has released, and devices without a request.

    A guest that was stopped or started anew has released all: a new domain
    is made without the devices with a pending detach, and without ports that
    are deleted. No domain is made with a device that has no request: it was
    claimed for a resize that failed, for instance, or for a port that could
    not be attached.
    """
    pending = {
        device.address: device.in_guest
        and state.guest is observed_state.Guest.RUNNING
        for device in (
            *(
                device
                for device in state.devices
                if device.address in state.pending_detach
            ),
            *state.devices_of_deleted_ports,
        )
    }
    released = frozenset(
        address for address, in_guest in pending.items() if not in_guest
    )
    unrequested = _without_request(state)
    unused = frozenset(
        device.address
        for device in unrequested
        if not (
            device.in_guest and state.guest is observed_state.Guest.RUNNING
        )
    )
    if released | unused:
        yield healing_actions.Free(released | unused)
    if len(released) < len(pending):
        yield healing_actions.Wait('the guest has not released a device')
    used = {device.address for device in unrequested} - unused - pending.keys()
    if used:
        yield healing_actions.Report(
            'Devices in the guest have no request', frozenset(used)
        )


def _without_request(
    state: observed_state.State,
) -> list[observed_state.Device]:
    request_ids = {request.request_id for request in state.requests}
    return [
        device
        for device in state.devices
        if device.request_id not in request_ids
    ]


def _reattach(state: observed_state.State) -> Iterator[healing_actions.Action]:
    missing = {
        device.address
        for device in _without_attaches(state)
        if not (device.in_guest and device.in_definition)
        and device.address not in state.pending_detach
    }
    if state.guest is not observed_state.Guest.RUNNING or not missing:
        if state.pending_reattach:
            yield healing_actions.ClearPendingReattach()
    elif not state.gave_up_reattach:
        yield healing_actions.Reattach(
            next(iter(state.pending_reattach.values()), '')
        )
        yield healing_actions.Wait('devices are missing from the guest')
    else:
        yield healing_actions.Report(
            'Devices are missing from the guest, and could not be attached',
            frozenset(missing),
        )
