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

"""Attach, detach and reattach in nova-api: check, then call the host."""

from collections.abc import Callable
from collections.abc import Sequence
import functools
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova import servicegroup
from nova.compute import api as compute_api
from nova.compute import utils as compute_utils
from nova.pci import request as pci_request
from nova.virt import hardware
from oslo_config import cfg
import oslo_messaging as messaging
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.api import operation_record
from pci_ext.api.quota import checks
from pci_ext.api.quota import usage
from pci_ext.compute import rpcapi
from pci_ext.i18n import _
from pci_ext.matching import request_grammar
from pci_ext.requests import from_flavor

CONF = cfg.CONF

Requests = list['objects.InstancePCIRequest']


def resolve(
    instance: 'objects.Instance', extra_specs: dict[str, str]
) -> Requests:
    """Make the PCI requests of an attach.

    :param extra_specs: of the body, in the form of those of a flavor
    :raises nova.exception.PciInvalidAlias: or a subclass, if a value does
        not parse or names a PCI flavor that does not exist
    :raises nova.exception.PciRequestAliasNotDefined: if an alias does not
        exist
    """
    requests: Requests = pci_request.get_pci_requests_from_flavor(
        objects.Flavor(extra_specs=dict(extra_specs)),
        affinity_policy=hardware.get_pci_numa_policy_constraint(
            instance.flavor, instance.image_meta
        ),
    ).requests
    count = sum(request.count for request in requests)
    if not 1 <= count <= request_grammar.MAX_COUNT:
        raise from_flavor.InvalidPciRequest(
            reason=_('%(count)d devices, and not 1 to %(max)d.')
            % {'count': count, 'max': request_grammar.MAX_COUNT}
        )
    return requests


def _check_host_is_up(function: Callable[..., None]) -> Callable[..., None]:
    """Check that nova-compute runs on the host of a server.

    Nova's own decorator looks at the services of the instance, which include
    deleted services of a host with the same name.

    :raises nova.exception.ServiceUnavailable: if it does not
    """

    @functools.wraps(function)
    def wrapped(
        self: 'PciActions',
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
    ) -> None:
        try:
            service = objects.Service.get_by_compute_host(
                instance._context, instance.host
            )
        except nova_exception.ComputeHostNotFound as error:
            raise nova_exception.ServiceUnavailable() from error
        if not self.servicegroup_api.service_is_up(service):
            raise nova_exception.ServiceUnavailable()
        function(self, context, instance, *args)

    return wrapped


class PciActions:
    """The actions on the devices of a server, for controllers."""

    def __init__(self) -> None:
        self._rpcapi = rpcapi.ComputeAPI()
        self.servicegroup_api = servicegroup.API()

    @compute_api.check_instance_lock
    @compute_api.check_instance_host()
    @_check_host_is_up
    @compute_api.check_instance_state(vm_state=operation_record.VM_STATES)
    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        requests: Requests,
    ) -> None:
        """Attach devices to a server.

        :raises PciActionRefused: if it cannot be
        :raises PciFlavorLimitExceeded: if the project may not have them
        :raises HostUnreachable: if the host does not answer
        :raises nova.exception.InstanceInvalidState: or InstanceIsLocked
        """
        devices = checks.check_attach(context, instance, requests)
        self._operate(
            context,
            instance,
            'attach_pci',
            server_state.ATTACHING_PCI,
            lambda operation_id: self._rpcapi.attach_pci(
                context, instance, operation_id, requests
            ),
            devices,
        )

    @compute_api.check_instance_lock
    @compute_api.check_instance_host()
    @_check_host_is_up
    @compute_api.check_instance_state(vm_state=operation_record.VM_STATES)
    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        dev_ids: Sequence[str],
    ) -> None:
        """Detach devices from a server.

        :raises PciActionRefused: if it cannot be
        :raises HostUnreachable: if the host does not answer
        :raises nova.exception.InstanceInvalidState: or InstanceIsLocked
        """
        self._operate(
            context,
            instance,
            'detach_pci',
            server_state.DETACHING_PCI,
            lambda operation_id: self._rpcapi.detach_pci(
                context, instance, operation_id, list(dev_ids)
            ),
        )

    @compute_api.check_instance_lock
    @compute_api.check_instance_host()
    @_check_host_is_up
    @compute_api.check_instance_state(vm_state=operation_record.VM_STATES)
    def reattach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Attach the devices that are missing after a live migration.

        :raises PciActionRefused: if it cannot be
        :raises HostUnreachable: if the host does not answer
        :raises nova.exception.InstanceInvalidState: or InstanceIsLocked
        """
        self._operate(
            context,
            instance,
            'reattach_pci',
            server_state.ATTACHING_PCI,
            lambda operation_id: self._rpcapi.reattach_pci(
                context, instance, operation_id
            ),
        )

    def _operate(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        action: str,
        task_state: str,
        call: Callable[[str], None],
        devices: usage.Usage | None = None,
    ) -> None:
        devices = devices or usage.Usage()
        # nova-compute finds the action by it after a restart.
        operation_id = context.request_id
        operation_record.begin(
            instance, action, task_state, operation_id, devices
        )
        try:
            checks.recheck(context, instance.project_id, devices)
            objects.InstanceAction.action_start(
                context, instance.uuid, action, want_result=False
            )
        except Exception:
            with excutils.save_and_reraise_exception():
                operation_record.cancel(instance, task_state, operation_id)
        try:
            call(operation_id)
        except exception.PciActionRefused:
            # The host has reset the task state.
            raise
        except Exception as error:
            with compute_utils.EventReporter(
                context, f'api_{action}', CONF.host, instance.uuid
            ):
                operation_record.cancel(instance, task_state, operation_id)
                if isinstance(error, messaging.MessagingTimeout):
                    raise exception.HostUnreachable(
                        seconds=CONF.rpc_response_timeout
                    ) from error
                raise
