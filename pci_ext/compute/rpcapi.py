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

"""The RPC client of pci_ext: calls of nova-api to nova-compute."""

from typing import Any

from nova import context as nova_context
from nova import objects
from nova import rpc
from nova.compute import rpcapi as nova_rpcapi
from nova.objects import base
from oslo_config import cfg
import oslo_messaging as messaging

from pci_ext import exception

CONF = cfg.CONF

NAMESPACE = 'pci_ext'

#: Version that a host serves; a new method or argument raises its minor part.
VERSION = '1.0'

#: Version that has all methods and arguments. A message names it rather than
#: VERSION, so that hosts of an earlier release serve it during an upgrade.
_SENT = '1.0'

_REFUSALS = {
    'conflict': exception.PciActionRefused,
    'not_attached': exception.PciDeviceNotAttached,
    'port': exception.PciDeviceOfPort,
}


def pack(refusal: exception.PciActionRefused) -> dict[str, str]:
    """Pack a refusal into the answer to a call.

    oslo.messaging carries exceptions of Nova only.
    """
    [kind] = [
        kind for kind, found in _REFUSALS.items() if found is type(refusal)
    ]
    return {'kind': kind, 'reason': refusal.format_message()}


def unpack(answer: dict[str, str] | None) -> None:
    """Raise the refusal in an answer.

    :raises PciActionRefused: unless the answer is None
    """
    if answer is not None:
        refusal = _REFUSALS.get(answer['kind'], exception.PciActionRefused)
        raise refusal(answer['reason'])


class ComputeAPI:
    """Client of the namespace pci_ext of nova-compute.

    The context has to be targeted at the cell of the server.
    """

    def __init__(self) -> None:
        target = messaging.Target(
            topic=nova_rpcapi.RPC_TOPIC, namespace=NAMESPACE, version=VERSION
        )
        self._router = rpc.ClientRouter(
            rpc.get_client(target, serializer=base.NovaObjectSerializer())
        )

    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
        requests: 'list[objects.InstancePCIRequest]',
    ) -> None:
        """Claim devices for a server and begin to attach them.

        :raises PciActionRefused: if the host refuses it
        :raises oslo_messaging.MessagingTimeout: if the host does not answer
        """
        self._call(
            context,
            instance,
            'attach_pci',
            operation_id=operation_id,
            requests=requests,
        )

    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
        dev_ids: list[str],
    ) -> None:
        """Begin to detach devices from a server.

        :raises PciActionRefused: if the host refuses it
        :raises oslo_messaging.MessagingTimeout: if the host does not answer
        """
        self._call(
            context,
            instance,
            'detach_pci',
            operation_id=operation_id,
            dev_ids=dev_ids,
        )

    def reattach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
    ) -> None:
        """Begin to reattach the devices that a live migration detached.

        :raises PciActionRefused: if the host refuses it
        :raises oslo_messaging.MessagingTimeout: if the host does not answer
        """
        self._call(
            context,
            instance,
            'reattach_pci',
            operation_id=operation_id,
        )

    def release_claims(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        host: str,
        migration_id: int,
    ) -> None:
        """Let a host free its claims for a live migration that has failed.

        :param migration_id: the live migration
        """
        self._cast(
            context,
            instance,
            'release_claims',
            host,
            migration_id=migration_id,
        )

    def retry_reattach(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        host: str,
    ) -> None:
        """Let a host try to reattach the missing devices of a guest."""
        self._cast(context, instance, 'retry_reattach', host)

    def _cast(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        method: str,
        host: str,
        **arguments: Any,
    ) -> None:
        client = self._router.client(context).prepare(
            server=host, version=_SENT
        )
        client.cast(context, method, instance=instance, **arguments)

    def _call(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        method: str,
        **arguments: Any,
    ) -> None:
        # As in Nova, a host that works at the call may take long to answer,
        # for instance while a scan has the devices.
        client = self._router.client(context).prepare(
            server=instance.host,
            version=_SENT,
            timeout=CONF.long_rpc_timeout,
            call_monitor_timeout=CONF.rpc_response_timeout,
        )
        unpack(client.call(context, method, instance=instance, **arguments))
