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

"""The state of a server that decides how to heal it."""

from collections.abc import Mapping
import dataclasses
import enum


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
    :ivar devices_of_deleted_ports: those of ports that Neutron does not have
        any more
    :ivar pending_detach: by address, the operation that detaches the device,
        of some of the devices
    :ivar void_detach: addresses of marks of devices that are free, or were on
        another host
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
    devices_of_deleted_ports: tuple[Device, ...] = ()
    requests: tuple[Request, ...] = ()
    pending_detach: Mapping[str, str] = dataclasses.field(default_factory=dict)
    void_detach: frozenset[str] = frozenset()
    pending_reattach: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )
    gave_up_reattach: bool = False
    foreign: frozenset[str] = frozenset()
