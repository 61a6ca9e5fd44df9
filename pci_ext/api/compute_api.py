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

"""The compute API of Nova, with PCI flavors.

Controllers of the API get it in place of Nova's. It does four things more:

* checks a quota of PCI flavors wherever Nova checks its own quota, and once
  more when the devices are on record;
* sets the PCI requests of the request spec to those of the server before each
  move;
* refuses a live migration that a device forbids;
* resolves the PCI flavors of a port that is attached.
"""

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import api
from nova.compute import instance_actions
from nova.pci import request as pci_request
import webob.exc

from pci_ext import server_state
from pci_ext.api import errors
from pci_ext.api import live_migration_check
from pci_ext.api.inventory import server_devices
from pci_ext.api.quota import checks
from pci_ext.api.quota import reservation
from pci_ext.api.quota import usage
from pci_ext.matching import compiled_requests
from pci_ext.requests import moves
from pci_ext.requests import nova_compute_api
from pci_ext.requests import port_attach
from pci_ext.requests import request_specs

#: Actions whose host uses the PCI requests and devices that nova-api sends.
_SEND_DEVICES = frozenset(
    (
        instance_actions.REBUILD,
        instance_actions.RESIZE,
        instance_actions.MIGRATE,
        instance_actions.LIVE_MIGRATION,
        instance_actions.EVACUATE,
        instance_actions.UNSHELVE,
    )
)

#: Moves that take devices from the quota; whether these are reserved until
#: the host of the server claims them.
_RESERVE = {
    instance_actions.RESIZE: True,
    instance_actions.MIGRATE: True,
    instance_actions.UNSHELVE: False,
}


class ComputeAPI(api.API):
    """Nova's compute API, with PCI flavors.

    Before it changes the request spec of a server it checks the lock and the
    task state, as Nova does later: the conductor may be using the request spec
    for a move that is in progress.

    :raises SeamChanged: if a method of Nova has other parameters
    """

    def __init__(self) -> None:
        nova_compute_api.check_signatures()
        super().__init__()

    def _provision_instances(
        self,
        context: nova_context.RequestContext,
        flavor: 'objects.Flavor',
        min_count: int,
        max_count: int,
        base_options: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        requests = base_options['pci_requests']
        max_count = checks.check_boot(context, requests, min_count, max_count)
        recorded = super()._provision_instances(
            context,
            flavor,
            min_count,
            max_count,
            base_options,
            *args,
            **kwargs,
        )
        try:
            checks.recheck_boot(context, requests, len(recorded))
        except Exception:
            self._cleanup_build_artifacts(None, recorded)
            raise
        return recorded

    def _check_quota_for_upsize(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        current_flavor: 'objects.Flavor',
        new_flavor: 'objects.Flavor',
        is_bfv: bool,
        is_revert: bool,
    ) -> None:
        super()._check_quota_for_upsize(
            context,
            instance,
            current_flavor,
            new_flavor,
            is_bfv,
            is_revert,
        )
        # A revert frees the devices that the resize claimed.
        if not is_revert:
            requests = pci_request.get_pci_requests_from_flavor(new_flavor)
            # The server keeps devices that were attached, and they count
            # already.
            requests.requests = [
                each
                for each in requests.requests
                if each.requester_id != server_state.HOT_ATTACHED
            ]
            reservation.prepare(
                checks.check_resize(context, instance, requests)
            )

    def _check_quota_unshelve_offloaded(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        request_spec: 'objects.RequestSpec',
    ) -> None:
        super()._check_quota_unshelve_offloaded(
            context, instance, request_spec
        )
        reservation.prepare(checks.check_unshelve(context, instance))

    @api.check_instance_lock
    @api.check_instance_state()
    def resize(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Begin a resize or cold migration."""
        request_specs.sync(context, instance)
        with reservation.scope(), moves.moving(instance):
            super().resize(context, instance, *args, **kwargs)

    @api.check_instance_lock
    @api.check_instance_state()
    def live_migrate(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Begin a live migration.

        :raises webob.exc.HTTPConflict: if a device forbids it; Nova's
            controller lets no exception of pci_ext through
        """
        reason = live_migration_check.refusal_reason(
            instance, server_devices.list_server_devices(instance)
        )
        if reason:
            raise webob.exc.HTTPConflict(explanation=reason)
        request_specs.sync(context, instance)
        super().live_migrate(context, instance, *args, **kwargs)

    def evacuate(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        request_specs.sync(context, instance)
        super().evacuate(context, instance, *args, **kwargs)

    @api.check_instance_lock
    @api.check_instance_state()
    def unshelve(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        request_specs.sync(context, instance)
        with reservation.scope():
            super().unshelve(context, instance, *args, **kwargs)

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

        :raises webob.exc.HTTPBadRequest: if the PCI flavors of the port are
            not acceptable; Nova's controller lets no exception of pci_ext
            through
        :raises webob.exc.HTTPForbidden: if the quota is exceeded
        """
        devices = usage.Usage()
        if port_id:
            with errors.as_http():
                devices = self._check_port(context, instance, port_id)
        attached = super().attach_interface(
            context, instance, network_id, port_id, requested_ip, tag=tag
        )
        try:
            with errors.as_http():
                checks.recheck(context, instance.project_id, devices)
        except webob.exc.HTTPForbidden:
            # Read again: the instance at hand has a request that is not to be
            # saved.
            now = objects.Instance.get_by_uuid(
                instance._context, instance.uuid
            )
            self.detach_interface(context, now, port_id)
            raise
        return attached

    def _check_port(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        port_id: str,
    ) -> usage.Usage:
        """Check the quota, and add a PCI flavor to what nova-compute is sent.

        :returns: the devices that have a limit
        """
        request = self.network_api.make_port_request(context, port_id)
        if request is None:
            return usage.Usage()
        devices = checks.check_attach(context, instance, [request])
        if compiled_requests.is_by_pci_flavor(request.spec):
            port_attach.add_port_spec(instance, port_id, request.spec)
        return devices

    def _record_action_start(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        action: str,
    ) -> None:
        """Record an action; the server has its task state by now."""
        if action in _RESERVE:
            reservation.recheck(context, instance, _RESERVE[action])
        if action in _SEND_DEVICES:
            request_specs.refresh(instance)
        super()._record_action_start(context, instance, action)
