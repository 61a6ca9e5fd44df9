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

"""Seam: ports of a server that were deleted in Neutron.

Nova removes the interface of such a port from the guest when Neutron reports
the deletion, but keeps the request of the port and its device until the server
is deleted. The healer frees them.
"""

from collections.abc import Callable
from collections.abc import Collection
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from pci_ext.activation import seam
from pci_ext.compute import nova_compute
from pci_ext.requests import instance_requests

LOG = logging.getLogger(__name__)

_METHOD = '_process_instance_vif_deleted_event'
_PARAMETERS = ('context', 'instance', 'deleted_vif_id')


def install(
    compute: nova_compute.ComputeManager, guest_changed: Callable[[str], None]
) -> None:
    """Wrap the method of Nova's compute manager.

    :param guest_changed: heals a server, by its uuid
    :raises SeamChanged: if it has other parameters than expected
    """
    method: Any = getattr(compute, _METHOD, None)
    seam.check_parameters(
        f'nova.compute.manager.ComputeManager.{_METHOD}', _PARAMETERS, method
    )

    def process(
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        deleted_vif_id: str,
    ) -> Any:
        try:
            return method(context, instance, deleted_vif_id)
        finally:
            guest_changed(instance.uuid)

    setattr(compute, _METHOD, process)


def find(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    request_ids: Collection[str] | None = None,
) -> set[str]:
    """Return the ids of the requests whose ports do not exist any more.

    Asks Neutron for each port. A port counts as existing if Neutron does not
    answer.

    :param request_ids: the requests to check; by default all of ports
    """
    return {
        request.request_id
        for request in instance_requests.list_requests(instance)
        if instance_requests.is_for_port(request)
        and request.requester_id
        and (request_ids is None or request.request_id in request_ids)
        and _is_deleted(compute, instance, request.requester_id)
    }


def _is_deleted(
    compute: nova_compute.ComputeManager,
    instance: 'objects.Instance',
    port_id: str,
) -> bool:
    # For other users Neutron hides the ports of other projects.
    context = nova_context.get_admin_context()
    try:
        compute.network_api.show_port(context, port_id)
    except nova_exception.PortNotFound:
        return True
    except Exception as error:
        LOG.warning(
            'Port %(port)s may be deleted: Neutron does not answer: %(error)s',
            {'port': port_id, 'error': error},
            instance=instance,
        )
    return False
