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

"""State that pci_ext keeps with a server: every key, in one table.

It outlives nova-api and nova-compute, and goes with the server to another
host. A module that keeps something with a server names the key here, and the
modules that write and read it.
"""

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from nova import objects

#: Begins all keys in metadata, and all requester ids, but RESERVED.
PREFIX = 'pci_ext:'

# Task states of an instance. While it has one, Nova begins nothing else.

#: Written by api.operation_record and compute.migration; cleared by
#: compute.operations and compute.recovery; read by api.quota.
ATTACHING_PCI = 'attaching_pci'

#: Written by api.operation_record, and by compute.operations while recovery
#: changes the records of a server; cleared and read as ATTACHING_PCI.
DETACHING_PCI = 'detaching_pci'

TASK_STATES = (ATTACHING_PCI, DETACHING_PCI)

# Keys in the system metadata of an instance.

#: Id of the operation that has the instance, or had it and whose event is not
#: ended. Written by api.operation_record with the task state; cleared and read
#: by compute.operations and compute.recovery.
OPERATION = 'pci_ext:operation'

#: Id of the operation, once its devices are attached or freed and only its
#: outcome is to be recorded. Written by compute.operations; read by
#: compute.recovery.
COMPLETED = 'pci_ext:done'

#: Followed by count and number, value: the uuid of a PCI flavor. Devices of an
#: attach or resize that its host has not recorded yet. Written by
#: api.operation_record and api.quota.reservation; cleared by
#: compute.operations; read by api.quota.usage.
RESERVED = 'pci_ext_asked:'

# Requester ids of PCI requests.

#: The devices of the request were attached to a living server. Nova leaves a
#: requester_id empty except in requests of ports. Written by
#: compute.operations; read by requests.moves and api.
HOT_ATTACHED = 'pci_ext:hot'

#: Followed by the id of the operation that attaches the request. Written by
#: compute.operations; read by compute.recovery.
ATTACHING = 'pci_ext:attaching:'

#: Followed by the port that is attached with the request. Written and read by
#: requests.port_attach; never saved.
PORT = 'pci_ext:port:'

# Elsewhere.

#: Key in the extra_info of a device that its host offers no more, but that is
#: in use. Written by claims.tracker; read by api.inventory.
WITHDRAWN = 'pci_ext:withdrawn'

#: Extra spec in the flavor of an instance: its requests as JSON, with the PCI
#: flavors resolved. Set by nova-api alone, which does not show it. Nova's
#: notifications and the metadata of a libvirt domain have it. Written and read
#: by requests.from_flavor.
RESOLVED = 'pci_passthrough:pci_requests'


@dataclasses.dataclass(frozen=True)
class MetadataKeys:
    """Keys in the system metadata of an instance that share a prefix.

    :ivar prefix: begins each key; a name follows
    """

    prefix: str

    #: The most characters of a value (the size of Nova's column).
    MAX_LENGTH = 255

    def get(self, instance: 'objects.Instance') -> dict[str, str]:
        """Return the values by name."""
        return {
            key.removeprefix(self.prefix): value
            for key, value in instance.system_metadata.items()
            if key.startswith(self.prefix)
        }

    def add(
        self, instance: 'objects.Instance', values: Mapping[str, str]
    ) -> None:
        """Set values by name, and save the instance if that changes it."""
        new = {self.prefix + name: value for name, value in values.items()}
        if not new.items() <= instance.system_metadata.items():
            instance.system_metadata.update(new)
            instance.save()

    def mark(
        self, instance: 'objects.Instance', names: Iterable[str], value: str
    ) -> None:
        """Set one value for several names, as `add` does."""
        self.add(instance, dict.fromkeys(names, value))

    def remove(
        self, instance: 'objects.Instance', names: Iterable[str]
    ) -> None:
        """Remove values, and save the instance if that changes it."""
        old = set(names) & set(self.get(instance))
        if old:
            for name in old:
                del instance.system_metadata[self.prefix + name]
            instance.save()


#: By address, a PendingDetach: a guest may release a device minutes after the
#: request, or never. Written by compute.operations; read by compute.recovery,
#: compute.migration, requests.moves and api.
PENDING_DETACH = MetadataKeys('pci_ext:detach:')

#: By request, the operation that detached its devices for a live migration;
#: the devices themselves are others on another host. Written by
#: compute.migration; read and cleared by compute.operations.reattach.
PENDING_REATTACH = MetadataKeys('pci_ext:reattach:')

#: By address, state and text of a ReattachError. Written by
#: compute.operations.reattach and its retries; read by api.
_REATTACH_ERRORS = MetadataKeys('pci_ext:reattach_error:')

RETRYING = 'retrying'
FAILED = 'failed'


@dataclasses.dataclass(frozen=True)
class ReattachError:
    """The reason for which a device is not in the guest.

    :ivar state: RETRYING, or FAILED if there will be no other attempt
    :ivar text: the error of the last attempt
    """

    state: str
    text: str


def operation_id(instance: 'objects.Instance') -> str:
    """Return the id of the operation that has an instance; empty if none."""
    return str(instance.system_metadata.get(OPERATION, ''))


def is_hot_attached(request: 'objects.InstancePCIRequest') -> bool:
    return bool(request.requester_id == HOT_ATTACHED)


def is_attaching(request: 'objects.InstancePCIRequest') -> bool:
    """Return whether the attach of a request is not completed."""
    return (request.requester_id or '').startswith(ATTACHING)


def is_of_attach(request: 'objects.InstancePCIRequest') -> bool:
    """Return whether a request is of an attach, not of the flavor.

    The attach may be completed or not, and that of a port.
    """
    return (request.requester_id or '').startswith(PREFIX)


def reserve(instance: 'objects.Instance', devices: Mapping[str, int]) -> bool:
    """Replace the reservation of an instance; the caller saves it.

    Nova records the devices of an attach or resize when the host claims them.
    The quota of other requests must see them before: a reservation counts as
    long as the task state of the instance says so.

    :param devices: counts by the uuids of PCI flavors
    :returns: whether that changes anything
    """
    reserved_now = {
        f'{RESERVED}{count}:{number}': uuid
        for number, (uuid, count) in enumerate(sorted(devices.items()))
    }
    metadata = instance.system_metadata
    before = {key for key in metadata if key.startswith(RESERVED)}
    for key in before:
        del metadata[key]
    metadata.update(reserved_now)
    return bool(before or reserved_now)


def release_reservation(instance: 'objects.Instance') -> None:
    """Remove the reservation of an instance; the caller saves it."""
    reserve(instance, {})


def reserved(metadata: Mapping[str, str]) -> Counter[str]:
    """Return the reserved devices by the uuids of PCI flavors.

    :param metadata: the system metadata of an instance
    """
    devices: Counter[str] = Counter()
    for key, uuid in metadata.items():
        if key.startswith(RESERVED):
            devices[uuid] += int(key.removeprefix(RESERVED).split(':')[0])
    return devices


@dataclasses.dataclass(frozen=True)
class PendingDetach:
    """The mark of a device that its guest was requested to release.

    It names the device by more than the address, at which another host, or
    another request, may have another device.

    :ivar operation: id of the operation that detaches the device
    :ivar node_id: id of the compute node that has it, as text
    :ivar request_id: the request that it was claimed for
    """

    operation: str
    node_id: str
    request_id: str

    @classmethod
    def of_device(
        cls, device: 'objects.PciDevice', operation: str
    ) -> 'PendingDetach':
        return cls(
            operation, str(device.compute_node_id), str(device.request_id)
        )


def mark_pending_detach(
    instance: 'objects.Instance',
    devices: 'Iterable[objects.PciDevice]',
    operation: str,
) -> None:
    """Mark devices, and save the instance if that changes it."""
    PENDING_DETACH.add(
        instance,
        {
            device.address: ' '.join(
                dataclasses.astuple(PendingDetach.of_device(device, operation))
            )
            for device in devices
        },
    )


def pending_detaches(
    instance: 'objects.Instance',
) -> dict[str, PendingDetach]:
    """Return all marks by address, also those of devices of another host."""
    return {
        address: PendingDetach(*value.split(' '))
        for address, value in PENDING_DETACH.get(instance).items()
    }


def pending_detach(
    instance: 'objects.Instance', devices: 'Iterable[objects.PciDevice]'
) -> dict[str, str]:
    """Return the operation of each device whose detach is pending.

    :param devices: of the server
    :returns: by address
    """
    marks = pending_detaches(instance)
    return {
        device.address: mark.operation
        for device in devices
        if (mark := marks.get(device.address))
        and mark == PendingDetach.of_device(device, mark.operation)
    }


def pending_reattach(instance: 'objects.Instance') -> frozenset[str]:
    """Return the ids of the requests whose devices are to be reattached."""
    return frozenset(PENDING_REATTACH.get(instance))


def reattach_errors(instance: 'objects.Instance') -> dict[str, ReattachError]:
    """Return by address the errors of the devices that are not reattached."""
    return {
        address: ReattachError(*value.split(' ', 1))
        for address, value in _REATTACH_ERRORS.get(instance).items()
    }


def record_reattach(
    instance: 'objects.Instance', errors: Mapping[str, str], state: str
) -> None:
    """Record the outcome of an attempt to reattach all devices.

    :param errors: by address; none if all devices are attached
    :param state: RETRYING or FAILED
    """
    # One line each: errors of hypervisors may have several.
    lines = {
        address: f'{state} {" ".join(text.split())}'[: MetadataKeys.MAX_LENGTH]
        for address, text in errors.items()
    }
    _REATTACH_ERRORS.remove(
        instance, _REATTACH_ERRORS.get(instance).keys() - lines.keys()
    )
    _REATTACH_ERRORS.add(instance, lines)
    if not errors:
        PENDING_REATTACH.remove(instance, PENDING_REATTACH.get(instance))


def drop_reattach_errors(
    instance: 'objects.Instance', addresses: Collection[str]
) -> None:
    """Remove the errors of devices that a server does not have any more.

    :param addresses: of its devices
    """
    errors = _REATTACH_ERRORS.get(instance).keys()
    gone = errors - set(addresses)
    if gone:
        _REATTACH_ERRORS.remove(instance, gone)
        if gone == errors:
            PENDING_REATTACH.remove(instance, PENDING_REATTACH.get(instance))
