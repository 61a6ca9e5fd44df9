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

"""Attach and detach as nova-api does them: decide, and call the host."""

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
from nova.compute import vm_states
from nova.pci import request as pci_request
from nova.virt import hardware
from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging
from oslo_utils import excutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.api.quota import checks
from pci_ext.api.quota import usage
from pci_ext.compute import rpcapi
from pci_ext.i18n import _
from pci_ext.matching import request_grammar

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

_STATES = [vm_states.ACTIVE, vm_states.PAUSED, vm_states.STOPPED]

Requests = list['objects.InstancePCIRequest']


def resolve(
    instance: 'objects.Instance', extra_specs: dict[str, str]
) -> Requests:
    """Make the requests for what an attach asks for.

    :param extra_specs: what stands in the body, in the words of a flavor
    :raises nova.exception.PciInvalidAlias: or a subclass, if a value does
        not parse or names a PCI flavor that does not exist
    :raises nova.exception.PciRequestAliasNotDefined: if an alias does not
    """
    requests: Requests = pci_request.get_pci_requests_from_flavor(
        objects.Flavor(extra_specs=dict(extra_specs)),
        affinity_policy=hardware.get_pci_numa_policy_constraint(
            instance.flavor, instance.image_meta
        ),
    ).requests
    count = sum(request.count for request in requests)
    if not 1 <= count <= request_grammar.MAX_COUNT:
        raise nova_exception.PciInvalidAlias(
            reason=_('%(count)d devices, and not 1 to %(max)d.')
            % {'count': count, 'max': request_grammar.MAX_COUNT}
        )
    return requests


def _check_host_is_up(function: Callable[..., None]) -> Callable[..., None]:
    """See that nova-compute runs where a server is.

    What Nova's own decorator looks at, the services of the instance, has those
    too that were deleted, and made anew for a host of the same name.

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
    """What the action controllers call."""

    def __init__(self) -> None:
        self._rpcapi = rpcapi.ComputeAPI()
        self.servicegroup_api = servicegroup.API()

    @compute_api.check_instance_lock
    @compute_api.check_instance_host()
    @_check_host_is_up
    @compute_api.check_instance_state(vm_state=_STATES)
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
    @compute_api.check_instance_state(vm_state=_STATES)
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
    @compute_api.check_instance_state(vm_state=_STATES)
    def reattach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Attach to a guest what a live migration took out of it.

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
        # By this nova-compute finds the action when it is started again.
        operation_id = context.request_id
        _take(instance, action, task_state, operation_id, devices)
        try:
            checks.recheck(context, instance.project_id, devices)
        except Exception:
            with excutils.save_and_reraise_exception():
                _give_up(instance, task_state, operation_id)
        objects.InstanceAction.action_start(
            context, instance.uuid, action, want_result=False
        )
        try:
            call(operation_id)
        except exception.PciActionRefused:
            # The host has given it back.
            raise
        except Exception as error:
            with compute_utils.EventReporter(
                context, f'api_{action}', CONF.host, instance.uuid
            ):
                _give_up(instance, task_state, operation_id)
                if isinstance(error, messaging.MessagingTimeout):
                    raise exception.HostUnreachable(
                        seconds=CONF.rpc_response_timeout
                    ) from error
                raise


def _take(
    instance: Any,
    action: str,
    task_state: str,
    operation_id: str,
    devices: usage.Usage,
) -> None:
    """Take a server for an operation, if nobody else has it.

    :param devices: what it asks for and is charged for from now on
    :raises nova.exception.InstanceInvalidState: if somebody has
    """
    instance.task_state = task_state
    try:
        instance.save(expected_vm_state=_STATES, expected_task_state=[None])
        # Only now nobody else writes these, and what was read before may be
        # old.
        instance.refresh()
        instance.system_metadata[server_state.OPERATION] = operation_id
        server_state.reserve(instance, devices)
        # A delete takes the server from anybody.
        instance.save(expected_task_state=[task_state])
    except nova_exception.InstanceUpdateConflict as error:
        instance.refresh()
        attr = 'task_state' if instance.task_state else 'vm_state'
        raise nova_exception.InstanceInvalidState(
            attr=attr,
            instance_uuid=instance.uuid,
            state=getattr(instance, attr),
            method=action,
        ) from error


def _give_up(instance: Any, task_state: str, operation_id: str) -> None:
    """Give a server back whose host does not answer.

    Whatever the host does of the operation from now on, it undoes.
    """
    instance.refresh()
    metadata = instance.system_metadata
    if metadata.get(server_state.OPERATION) != operation_id:
        return
    instance.task_state = None
    del metadata[server_state.OPERATION]
    server_state.release_reservation(instance)
    try:
        instance.save(expected_task_state=[task_state])
    except nova_exception.UnexpectedTaskStateError:
        LOG.info('Another task has the server', instance=instance)
