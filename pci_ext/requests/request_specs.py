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

"""The request spec of a server that moves: PCI requests brought up to date."""

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext.requests import moves

LOG = logging.getLogger(__name__)


def sync(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> None:
    """Set the PCI requests of the request spec to those of the server.

    Devices were attached and detached since the server was booted. The
    request spec is in the API database, which a compute host or the conductor
    of a cell need not reach: so nova-api updates it before it begins a move.
    """
    if not instance.pci_requests:
        return
    try:
        spec = objects.RequestSpec.get_by_instance_uuid(context, instance.uuid)
    except nova_exception.RequestSpecNotFound:
        # Nova reports it to the user, where it needs one.
        return
    before = spec.pci_requests and spec.pci_requests.to_json()
    moves.sync_request_spec(spec, instance)
    if spec.pci_requests.to_json() != before:
        LOG.info(
            'The PCI requests of the request spec are set to those of the '
            'server',
            instance=instance,
        )
        spec.save()


def refresh(instance: 'objects.Instance') -> None:
    """Read the requests and devices of a server that has its task state.

    An attach or detach may have ended since they were read; none can begin
    now. The host uses those that nova-api sends: for the guest that it starts
    anew, and for the move context, by which it frees the devices later.
    """
    for field, kind in (
        ('pci_requests', objects.InstancePCIRequests),
        ('pci_devices', objects.PciDeviceList),
    ):
        if field in instance:
            current = kind.get_by_instance_uuid(
                instance._context, instance.uuid
            )
            setattr(instance, field, current)
            instance.obj_reset_changes([field])
