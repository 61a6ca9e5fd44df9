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

"""Compare records and guests of all servers when nova-compute starts.

The reconciler handles servers in an operation. The audit finds differences
that Nova left or an operator made. A device that is allocated to a server and
missing from its guest is attached. No device is detached or freed.
"""

from nova import context as nova_context
from nova import objects
from nova import utils
from nova.compute import vm_states
from oslo_log import log as logging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import instance_devices
from pci_ext.compute import nova_compute
from pci_ext.compute.operations import server_task
from pci_ext.requests import instance_requests

LOG = logging.getLogger(__name__)


def audit_servers(compute: nova_compute.ComputeManager) -> None:
    """Audit the servers of this host, one after the other.

    Nova has to have scanned the devices.
    """
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
                'The PCI devices of the server were not audited',
                instance=instance,
            )


def audit(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
) -> None:
    """Compare the records of a server and its guest; attach missing devices.

    To be called with the instance lock held.
    """
    instance = server_task.find_instance(context, server_uuid)
    if (
        instance is None
        or instance.host != compute.host
        or not _is_idle(instance)
    ):
        return
    attached = compute.driver.attached_pci(instance)
    if attached is None:
        return
    owned = instance_devices.get_devices(compute.rt, instance)
    _log_foreign(
        compute.rt, instance, attached - {each.address for each in owned}
    )
    requests = {
        each.request_id
        for each in instance_requests.list_without_ports(instance)
    }
    for device in owned:
        # A domain lists the devices of ports as interfaces.
        if device.request_id in requests and device.address not in attached:
            _attach(compute, context, instance, device)


def _is_idle(instance: 'objects.Instance') -> bool:
    return (
        instance.vm_state in (vm_states.ACTIVE, vm_states.PAUSED)
        and instance.task_state is None
        and not instance_devices.incomplete_requests(instance)
        and not any(
            key.startswith(server_state.PREFIX)
            for key in instance.system_metadata
        )
    )


def _attach(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    device: 'objects.PciDevice',
) -> None:
    try:
        compute.driver.attach_pci(context, instance, [device])
    except exception.PciAttachFailed as error:
        LOG.error(
            'A PCI device of the server is missing from its guest, and cannot '
            'be attached: %s',
            error.format_message(),
            instance=instance,
        )
    else:
        LOG.warning(
            'PCI device %s of the server was missing from its guest: attached',
            device.address,
            instance=instance,
        )


def _log_foreign(
    rt: nova_compute.ResourceTracker,
    instance: 'objects.Instance',
    addresses: frozenset[str],
) -> None:
    """Log the devices in a guest that are not allocated to its server."""
    known = {
        device.address: device
        for device in instance_devices.tracked_devices(rt)
    }
    for address in sorted(addresses & set(known)):
        LOG.error(
            'The guest has PCI device %(address)s, which is %(status)s on '
            'record and of %(owner)s: detach it from one of them',
            {
                'address': address,
                'status': known[address].status,
                'owner': known[address].instance_uuid or 'no server',
            },
            instance=instance,
        )
