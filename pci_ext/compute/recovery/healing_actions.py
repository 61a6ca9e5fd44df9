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

"""The actions that heal a server."""

import dataclasses


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
    """Remove the marks of devices that the server does not have any more.

    Their requests may still count them.
    """

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
