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
says so. No device in a guest is freed, and no device that the server was told
to have lost is given back to it. The actions lead to a state for which nothing
is to be done, so that healing may be interrupted at any point and repeated.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import enum

from pci_ext import server_state


class Guest(enum.Enum):
    """The guest of a server, on the host of its record."""

    RUNNING = enum.auto()
    #: The server is stopped or suspended: no domain has its devices.
    OFF = enum.auto()
    #: It should run and does not, as after a failed migration.
    MISSING = enum.auto()


@dataclasses.dataclass(frozen=True)
class Device:
    """A device that is claimed or allocated for a server.

    :ivar request_id: the request that it was claimed for
    :ivar is_allocated: whether it is more than claimed
    :ivar in_guest: whether the running guest has it
    :ivar in_definition: whether a reboot of the guest would keep it
    """

    address: str
    request_id: str | None
    is_allocated: bool = True
    in_guest: bool = True
    in_definition: bool = True


@dataclasses.dataclass(frozen=True)
class Request:
    """A PCI request of a server, not of a port.

    :ivar attach: id of the attach that it is of, if that is not completed
    :ivar is_hot: whether it is of a completed attach
    """

    request_id: str
    count: int
    attach: str | None = None
    is_hot: bool = False


@dataclasses.dataclass(frozen=True)
class State:
    """Everything about a server that a decision depends on.

    :ivar operation: id of the operation that has the server, or had it and
        whose event is not ended; empty if none
    :ivar is_completed: whether the devices of the operation are attached or
        freed, and only its outcome is to be recorded
    :ivar is_stale: whether the operation that has the server does not run
    :ivar devices: those of ports are not among them
    :ivar pending_detach: by address, the operation that detaches the device
    :ivar pending_reattach: by request, the operation that is to reattach it
    :ivar gave_up_reattach: whether all attempts to reattach have failed
    :ivar foreign: addresses in the guest of devices that are not the server's
    """

    task_state: str | None = None
    operation: str = ''
    is_completed: bool = False
    is_stale: bool = False
    guest: Guest = Guest.RUNNING
    devices: tuple[Device, ...] = ()
    requests: tuple[Request, ...] = ()
    pending_detach: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pending_reattach: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )
    gave_up_reattach: bool = False
    foreign: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Ending:
    """An action that ends an operation.

    :ivar operation: id of the operation
    """

    operation: str


class CompleteAttach(Ending):
    """Allocate the devices of an attach, and record its success."""


class UndoAttach(Ending):
    """Detach and free the devices of an attach, and remove its requests."""


class ResumeDetach(Ending):
    """Detach the devices of a detach once more, or undo it."""


class EndOperation(Ending):
    """Release the server from an operation without devices on record."""


class EndEvent(Ending):
    """End the event of an operation that has released the server."""


@dataclasses.dataclass(frozen=True)
class Free:
    """Free devices that the guest has released."""

    addresses: frozenset[str]


@dataclasses.dataclass(frozen=True)
class ClearPendingDetach:
    """Remove the marks of devices that the server does not have any more."""

    addresses: frozenset[str]


@dataclasses.dataclass(frozen=True)
class SyncRequests:
    """Set the count of requests to the devices that the server has."""

    request_ids: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Allocate:
    """Allocate claimed devices."""

    addresses: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Reattach:
    """Attach the devices that are missing from the guest.

    :ivar operation: id of the operation that detached them; empty if the
        guest lost them by itself
    """

    operation: str


@dataclasses.dataclass(frozen=True)
class ClearPendingReattach:
    """Remove the marks of devices that are not missing any more."""


@dataclasses.dataclass(frozen=True)
class Wait:
    """Look again later.

    :ivar reason: for the log
    """

    reason: str


@dataclasses.dataclass(frozen=True)
class Report:
    """Log a difference that an operator has to decide about."""

    text: str
    addresses: frozenset[str]


Action = (
    Ending
    | Free
    | ClearPendingDetach
    | SyncRequests
    | Allocate
    | Reattach
    | ClearPendingReattach
    | Wait
    | Report
)

#: Actions that change nothing on record; a reattach runs in a thread.
PASSIVE = (Wait, Report, Reattach)


def decide(state: State) -> list[Action]:
    """Return the actions that heal a server, in their order."""
    if state.task_state in server_state.TASK_STATES:
        return _end_operation(state)
    if state.task_state is not None:
        return [Wait(f'the server is {state.task_state}')]
    return list(_heal_idle(state))


def _attaches(state: State) -> list[str]:
    """Return the attaches with requests on record, in their order."""
    return list(
        dict.fromkeys(
            request.attach
            for request in state.requests
            if request.attach is not None
        )
    )


def _end_operation(state: State) -> list[Action]:
    """End an operation that does not run any more."""
    if not state.is_stale:
        return [Wait('an operation has the server')]
    attaches = _attaches(state)
    actions: list[Action] = [
        CompleteAttach(attach)
        if state.task_state == server_state.ATTACHING_PCI
        and attach == state.operation
        and _is_attached(state, attach)
        else UndoAttach(attach)
        for attach in attaches
    ]
    if state.task_state == server_state.DETACHING_PCI:
        actions.append(ResumeDetach(state.operation))
    elif state.operation not in attaches:
        actions.append(EndOperation(state.operation))
    return actions


def _is_attached(state: State, attach: str) -> bool:
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
        state.guest is not Guest.RUNNING
        or all(device.in_guest for device in devices)
    )


def _heal_idle(state: State) -> Iterator[Action]:
    """Heal a server that no operation and no task of Nova has."""
    for attach in _attaches(state):
        # Its failure was reported when the server was released.
        yield UndoAttach(attach)
    if state.operation:
        yield EndEvent(state.operation)
    addresses = {device.address for device in state.devices}
    gone = state.pending_detach.keys() - addresses
    if gone:
        yield ClearPendingDetach(frozenset(gone))
    yield from _sync_requests(state)
    yield from _allocate(state)
    if state.guest is Guest.MISSING:
        if state.pending_detach or state.pending_reattach:
            yield Wait('the guest does not run')
        return
    yield from _free(state)
    yield from _reattach(state)
    if state.foreign:
        yield Report(
            'The guest has devices that are not of its server',
            state.foreign,
        )


def _sync_requests(state: State) -> Iterator[Action]:
    counts = dict.fromkeys(
        (request.request_id for request in state.requests), 0
    )
    unknown = set()
    for device in state.devices:
        if device.request_id in counts:
            counts[device.request_id] += 1
        else:
            unknown.add(device.address)
    # Devices of a flavor are claimed when the server is built.
    wrong = {
        request.request_id
        for request in state.requests
        if request.is_hot and request.count != counts[request.request_id]
    }
    if wrong:
        yield SyncRequests(frozenset(wrong))
    if unknown:
        yield Report(
            'Devices of the server have no request', frozenset(unknown)
        )


def _allocate(state: State) -> Iterator[Action]:
    claimed = frozenset(
        device.address
        for device in _without_attaches(state)
        if not device.is_allocated
    )
    if claimed:
        yield Allocate(claimed)


def _without_attaches(state: State) -> list[Device]:
    """Return the devices of requests that are not of an unfinished attach."""
    request_ids = {
        request.request_id
        for request in state.requests
        if request.attach is None
    }
    return [
        device for device in state.devices if device.request_id in request_ids
    ]


def _free(state: State) -> Iterator[Action]:
    """Free what the guest has released.

    A guest that was stopped or started anew has released all: a new domain
    is made without the devices with a pending detach.
    """
    pending = {
        device.address: device.in_guest and state.guest is Guest.RUNNING
        for device in state.devices
        if device.address in state.pending_detach
    }
    released = frozenset(
        address for address, in_guest in pending.items() if not in_guest
    )
    if released:
        yield Free(released)
    if len(released) < len(pending):
        yield Wait('the guest has not released a device')


def _reattach(state: State) -> Iterator[Action]:
    missing = {
        device.address
        for device in _without_attaches(state)
        if not (device.in_guest and device.in_definition)
        and device.address not in state.pending_detach
    }
    if state.guest is not Guest.RUNNING or not missing:
        if state.pending_reattach:
            yield ClearPendingReattach()
    elif not state.gave_up_reattach:
        yield Reattach(next(iter(state.pending_reattach.values()), ''))
        yield Wait('devices are missing from the guest')
    else:
        yield Report(
            'Devices are missing from the guest, and could not be attached',
            frozenset(missing),
        )
