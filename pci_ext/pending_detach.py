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

"""Devices that a server is to lose as soon as its guest lets go of them.

A guest may take a device out minutes after it was asked to, or never. The
system metadata of the server says which devices it was asked for, so that
this outlives nova-compute.
"""

from collections.abc import Iterable

from nova import objects

from pci_ext import server_metadata


def addresses(
    instance: 'objects.Instance', operation_id: str | None = None
) -> frozenset[str]:
    """Give the addresses of the devices that a guest was asked for.

    :param operation_id: those of one operation only
    """
    return frozenset(
        address
        for address, value in operations(instance).items()
        if operation_id in (None, value)
    )


def operations(instance: 'objects.Instance') -> dict[str, str]:
    """Give the operations that a guest was asked for devices by.

    :returns: their ids by the addresses of the devices
    """
    return server_metadata.ASKED_FOR.of(instance)


def mark(
    instance: 'objects.Instance', marked: Iterable[str], operation_id: str
) -> None:
    """Record devices that a guest is asked for."""
    server_metadata.ASKED_FOR.add(
        instance, dict.fromkeys(marked, operation_id)
    )


def unmark(instance: 'objects.Instance', unmarked: Iterable[str]) -> None:
    """Record devices that a guest gave away, or may keep."""
    server_metadata.ASKED_FOR.remove(instance, unmarked)
