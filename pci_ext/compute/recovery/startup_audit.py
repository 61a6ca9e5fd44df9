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

"""Compare, when nova-compute starts, records and domains of all servers.

Those that were left in an operation are for the reconciler. What remains is
what somebody did past Nova, or what Nova left. A device that a server has on
record and its guest lacks is put into the guest. Nothing is taken out of a
guest, and nothing is freed.
"""

import threading
import time

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import utils
from nova.compute import vm_states
from oslo_log import log as logging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.requests import moves

LOG = logging.getLogger(__name__)

#: Seconds between looks at whether Nova has its devices tracked.
_POLL_INTERVAL = 0.2


def start(compute: nova_compute.ComputeManager) -> None:
    """Audit the servers of this host, one after the other, in a thread.

    :param compute: Nova's compute manager
    """
    threading.Thread(target=_run, args=(compute,), daemon=True).start()


def _run(compute: nova_compute.ComputeManager) -> None:
    while compute.rt.pci_tracker is None:
        time.sleep(_POLL_INTERVAL)
    context = nova_context.get_admin_context()
    for instance in objects.InstanceList.get_by_host(
        context, compute.host, expected_attrs=[]
    ):
        try:
            utils.synchronized(instance.uuid)(audit)(
                compute, context, instance.uuid
            )
        except Exception:
            LOG.exception(
                'The PCI devices of the server were not compared',
                instance=instance,
            )


def audit(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
) -> None:
    """Compare the records of a server and its domain, and mend what is safe.

    To be called with the lock of the server held.

    :param compute: Nova's compute manager, with its devices tracked
    """
    try:
        instance = objects.Instance.get_by_uuid(
            context,
            server_uuid,
            expected_attrs=['system_metadata', 'pci_requests', 'flavor'],
        )
    except nova_exception.InstanceNotFound:
        return
    if instance.host != compute.host or not _is_idle(instance):
        return
    attached = compute.driver.attached_pci(instance)
    if attached is None:
        return
    owned = instance_devices.devices_of(compute.rt, instance)
    _tell_of_others(
        compute.rt, instance, attached - {each.address for each in owned}
    )
    requests = {each.request_id for each in moves.of_devices(instance)}
    for device in owned:
        # Those of ports are not among the devices of a domain.
        if device.request_id in requests and device.address not in attached:
            _put_in(compute, context, instance, device)


def _is_idle(instance: 'objects.Instance') -> bool:
    return (
        instance.vm_state in (vm_states.ACTIVE, vm_states.PAUSED)
        and instance.task_state is None
        and not instance_devices.unfinished(instance)
        and not any(
            key.startswith(server_state.PREFIX)
            for key in instance.system_metadata
        )
    )


def _put_in(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    device: 'objects.PciDevice',
) -> None:
    try:
        compute.driver.attach_pci(context, instance, [device])
    except exception.PciDeviceNotPlugged as error:
        LOG.error(
            'The guest lacks a PCI device that the server has, and does not '
            'get it: %s',
            error.format_message(),
            instance=instance,
        )
    else:
        LOG.warning(
            'The guest lacked PCI device %s, which the server has: put in',
            device.address,
            instance=instance,
        )


def _tell_of_others(
    rt: nova_compute.ResourceTracker,
    instance: 'objects.Instance',
    addresses: frozenset[str],
) -> None:
    """Log the devices that a guest has and its server does not."""
    known = {
        device.address: device
        for device in instance_devices.tracked_devices(rt)
    }
    for address in sorted(addresses & set(known)):
        LOG.error(
            'The guest has PCI device %(address)s, which is %(status)s on '
            'record and of %(owner)s: take one of them out',
            {
                'address': address,
                'status': known[address].status,
                'owner': known[address].instance_uuid or 'no server',
            },
            instance=instance,
        )
