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

"""Nova's attach of ports to servers, for ports by PCI flavor too."""

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.api.openstack.compute import attach_interfaces
from nova.compute import api as compute_api

from pci_ext.api import errors
from pci_ext.api.quota import checks
from pci_ext.api.quota import usage
from pci_ext.requests import port_attach


class ComputeAPI(compute_api.API):
    """Nova's, which resolves what a port asks for."""

    def attach_interface(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        network_id: str | None,
        port_id: str | None,
        requested_ip: str | None,
        tag: str | None = None,
    ) -> Any:
        """Attach a port.

        :raises webob.exc.HTTPBadRequest: if it asks for what there is not.
            The controller, which is Nova's, lets nothing else of ours through
        :raises webob.exc.HTTPForbidden: if the project may not have it
        """
        devices = usage.Charges()
        if port_id:
            with errors.as_http():
                devices = self._ask(context, instance, port_id)
        attached = super().attach_interface(
            context, instance, network_id, port_id, requested_ip, tag=tag
        )
        with errors.as_http():
            try:
                checks.recheck(context, instance.project_id, devices)
            except checks.PciFlavorLimitExceeded:
                # As it is now: what was sent with the other is not to be
                # saved.
                now = objects.Instance.get_by_uuid(
                    instance._context, instance.uuid
                )
                self.detach_interface(context, now, port_id)
                raise
        return attached

    def _ask(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        port_id: str,
    ) -> usage.Charges:
        """Let a port ask for its device.

        :returns: what is asked for that has a limit
        """
        spec = self.network_api.resolve_port(context, port_id)
        if spec is None:
            return usage.Charges()
        request = objects.InstancePCIRequest(count=1, spec=spec)
        devices = checks.check_attach(context, instance, [request])
        port_attach.send(instance, port_id, spec)
        return devices


class InterfaceAttachmentController(
    attach_interfaces.InterfaceAttachmentController
):
    def __init__(self) -> None:
        super().__init__()
        self.compute_api = ComputeAPI()
