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

"""Devices that a live migration took out of a guest, which gets them back.

The system metadata of the server names the requests whose devices are to be
attached to the guest again, wherever it runs by then: the devices themselves
are others on another host. So it outlives nova-compute on both hosts. It says
for each device that could not be attached why, and whether it will be tried
again.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from nova import objects

from pci_ext import server_metadata

_REQUESTS = server_metadata.Marks('pci_ext:reattach:')
_PROBLEMS = server_metadata.Marks('pci_ext:reattach_error:')

RETRYING = 'retrying'
FAILED = 'failed'


@dataclasses.dataclass(frozen=True)
class Problem:
    """Why a device is not in the guest.

    :ivar state: RETRYING, or FAILED if nobody will try again
    :ivar text: what the last attempt ended with
    """

    state: str
    text: str


def request_ids(instance: 'objects.Instance') -> frozenset[str]:
    """Give the requests whose devices are to be attached again."""
    return frozenset(_REQUESTS.of(instance))


def operation_of(instance: 'objects.Instance') -> str | None:
    """Give the operation that took devices out of the guest."""
    return next(iter(_REQUESTS.of(instance).values()), None)


def problems(instance: 'objects.Instance') -> dict[str, Problem]:
    """Give what keeps devices out of the guest, by their addresses."""
    return {
        address: Problem(*value.split(' ', 1))
        for address, value in _PROBLEMS.of(instance).items()
    }


def mark(
    instance: 'objects.Instance', marked: Iterable[str], operation_id: str
) -> None:
    """Record requests whose devices are taken out of the guest."""
    _REQUESTS.add(instance, dict.fromkeys(marked, operation_id))


def settle(
    instance: 'objects.Instance', found: Mapping[str, str], state: str
) -> None:
    """Record what an attempt to attach all of them ended with.

    :param found: by address, what kept a device out; none if all are attached
    :param state: RETRYING or FAILED
    """
    # One line each: what hypervisors say may have several.
    lines = {
        address: f'{state} {" ".join(text.split())}'[
            : server_metadata.MAX_LENGTH
        ]
        for address, text in found.items()
    }
    _PROBLEMS.remove(instance, _PROBLEMS.of(instance).keys() - lines.keys())
    _PROBLEMS.add(instance, lines)
    if not found:
        _REQUESTS.remove(instance, _REQUESTS.of(instance))
