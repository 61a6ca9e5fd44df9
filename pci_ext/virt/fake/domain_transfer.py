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

"""The transfer of a domain from one simulated hypervisor to another."""

from collections.abc import Mapping
import threading
import time

from pci_ext import exception
from pci_ext.virt.fake import hypervisor


class TransferFailedError(Exception):
    """The transfer of a domain to another host failed."""


def prepare(destination: hypervisor.Domains) -> None:
    """Prepare for a domain from another host.

    :raises TransferFailedError: if it cannot be transferred
    """
    if destination.faults.prepare_fails:
        raise TransferFailedError('no room on the disk')


def transfer(
    uuid: str,
    source: hypervisor.Domains,
    destination: hypervisor.Domains,
    renamed: Mapping[str, str],
    aborted: threading.Event,
) -> None:
    """Move a running domain to another host.

    Its definition there is that of the guest, as with the flags of Nova.

    :param renamed: the device on the destination for each that the
        hypervisor migrates
    :raises TransferFailedError: if the domain still runs on the source
    """
    if not _devices(uuid, source) <= set(renamed):
        raise TransferFailedError('domain has assigned host devices')
    if aborted.wait(source.faults.transfer_delay):
        time.sleep(source.faults.abort_delay)
        raise TransferFailedError('aborted')
    if source.faults.transfer_fails:
        raise TransferFailedError('the connection was reset')
    # The guest may have ended meanwhile.
    devices = _devices(uuid, source)
    for address in sorted(devices):
        model = source.inventory.model_of(address)
        if destination.inventory.model_of(renamed[address]) != model:
            raise TransferFailedError(
                f'the destination does not have {renamed[address]}, or it '
                f'is of another model than {address}'
            )
    destination.define(uuid, {renamed[address] for address in devices})
    try:
        destination.start(uuid)
    except exception.PciAttachFailed as error:
        destination.remove(uuid)
        raise TransferFailedError(error.format_message()) from error
    if source.is_paused(uuid):
        destination.pause(uuid)
    source.remove(uuid)


def _devices(uuid: str, source: hypervisor.Domains) -> frozenset[str]:
    """Return the devices of a guest.

    :raises TransferFailedError: if it does not run
    """
    devices = source.devices(uuid)
    if devices is None:
        raise TransferFailedError('domain is not running')
    return devices
