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

"""Arguments of pci_ext for functions of Nova that have no parameter for them.

A caller of Nova and a seam further down the same thread agree on them here.
There is one context variable, and this table of its fields:

=====================  ====================================  ================
Field                  Set by                                Read by
=====================  ====================================  ================
find_pci_flavors       ``from_flavor.resolving``             from_flavor
moving_instance        ``moves.moving``                      moves
is_running             ``moves.moving``                      moves
port_flavors           ``ports.passing_port_flavors``        ports
binding_profiles       ``ports.API``                         ports
port_specs             ``port_attach.passing_port_specs``    port_attach
network_info           ``teaming.for_ports``                 teaming
last_reason            ``conductor.ComputeTaskManager``      conductor
allocation_writer      ``placement_writer``                  placement_writer
placement_claim        ``resource_tracker``                  stats
loaded_metadata        ``saved_requests.save``               saved_metadata
=====================  ====================================  ================
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import contextvars
import dataclasses
from typing import Any

from nova import objects

from pci_ext.objects import pci_flavor

#: Finds the PCI flavors with the given names that the user may see.
FindPciFlavors = Callable[[Collection[str]], Iterable[pci_flavor.PciFlavor]]

#: A selector an alternative, without the values that the port itself needs.
PortSpec = list[dict[str, str]]


@dataclasses.dataclass(frozen=True)
class CallArguments:
    """The arguments that are passed in this thread; None where there is none.

    :ivar find_pci_flavors: source of PCI flavors, in nova-api only
    :ivar moving_instance: the server whose requests are made for a move
    :ivar is_running: whether that server keeps running while it moves
    :ivar port_flavors: names of PCI flavors, in order of preference, by the
        id of the port that a server is created with
    :ivar binding_profiles: those that Nova has read from Neutron, by the id of
        the port
    :ivar port_specs: resolved PCI flavors by the id of the port that is
        attached
    :ivar network_info: the ports of a server that is being started
    :ivar last_reason: error of the last host that could not build the server
    :ivar allocation_writer: during an update of a host in Placement
    :ivar placement_claim: during a claim, where devices are in Placement
    :ivar loaded_metadata: system metadata of the server that is being saved,
        when it was loaded
    """

    find_pci_flavors: FindPciFlavors | None = None
    moving_instance: 'objects.Instance | None' = None
    is_running: bool = False
    port_flavors: Mapping[str, str] | None = None
    binding_profiles: dict[str, Mapping[str, Any]] | None = None
    port_specs: Mapping[str, PortSpec] | None = None
    network_info: Any = None
    last_reason: str | None = None
    allocation_writer: Any = None
    placement_claim: Any = None
    loaded_metadata: Mapping[str, str] | None = None


_current: contextvars.ContextVar[CallArguments] = contextvars.ContextVar(
    'pci_ext_call_arguments',
    default=CallArguments(),  # noqa: B039
)


def current() -> CallArguments:
    """Return the arguments that are passed in this thread."""
    return _current.get()


@contextlib.contextmanager
def passing(**arguments: Any) -> Iterator[None]:
    """Pass some arguments in this thread, and restore them afterwards.

    :param arguments: values of fields of CallArguments
    """
    token = _current.set(dataclasses.replace(_current.get(), **arguments))
    try:
        yield
    finally:
        _current.reset(token)
