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

"""How nova-api calls nova-compute for pci_ext."""

from typing import Any

from nova import context as nova_context
from nova import objects
from nova import rpc
from nova.compute import rpcapi as nova_rpcapi
from nova.objects import base
import oslo_messaging as messaging

from pci_ext import exception

NAMESPACE = 'pci_ext'
VERSION = '1.2'

_REFUSALS = {
    'conflict': exception.PciActionRefused,
    'not_attached': exception.PciDeviceNotAttached,
    'port': exception.PciDeviceOfPort,
}


def pack(refusal: exception.PciActionRefused) -> dict[str, str]:
    """Put a refusal into the form in which it travels.

    oslo.messaging carries exceptions of Nova only.
    """
    [kind] = [
        kind for kind, found in _REFUSALS.items() if found is type(refusal)
    ]
    return {'kind': kind, 'reason': refusal.format_message()}


def unpack(answer: dict[str, str] | None) -> None:
    """Raise the refusal that an answer says.

    :raises PciActionRefused: unless the answer is None
    """
    if answer is not None:
        refusal = _REFUSALS.get(answer['kind'], exception.PciActionRefused)
        raise refusal(answer['reason'])


class ComputeAPI:
    """Client of the namespace pci_ext of nova-compute.

    The context has to be targeted at the cell of the server. Versions:

    * 1.0 - attach_pci, detach_pci
    * 1.1 - reattach_pci, release_claims, attach_again
    * 1.2 - release_claims with migration_id
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

        :raises PciActionRefused: if it cannot be
        :raises oslo_messaging.MessagingTimeout: if the host does not answer
        """
        self._call(
            context,
            instance,
            'attach_pci',
            '1.0',
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

        :raises PciActionRefused: if it cannot be
        :raises oslo_messaging.MessagingTimeout: if the host does not answer
        """
        self._call(
            context,
            instance,
            'detach_pci',
            '1.0',
            operation_id=operation_id,
            dev_ids=dev_ids,
        )

    def reattach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
    ) -> None:
        """Begin to attach what a live migration took out of a guest.

        :raises PciActionRefused: if it cannot be
        :raises oslo_messaging.MessagingTimeout: if the host does not answer
        """
        self._call(
            context,
            instance,
            'reattach_pci',
            '1.1',
            operation_id=operation_id,
        )

    def release_claims(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        host: str,
        migration_id: int,
    ) -> None:
        """Let a host free what it claimed for a server that does not come.

        :param migration_id: the live migration that is over
        """
        self._cast(
            context,
            instance,
            'release_claims',
            host,
            '1.2',
            migration_id=migration_id,
        )

    def attach_again(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        host: str,
    ) -> None:
        """Let a host attach what a guest lacks that runs there now."""
        self._cast(context, instance, 'attach_again', host, '1.1')

    def _cast(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        method: str,
        host: str,
        version: str,
        **arguments: Any,
    ) -> None:
        client = self._router.client(context).prepare(
            server=host, version=version
        )
        client.cast(context, method, instance=instance, **arguments)

    def _call(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        method: str,
        version: str,
        **arguments: Any,
    ) -> None:
        client = self._router.client(context).prepare(
            server=instance.host, version=version
        )
        unpack(client.call(context, method, instance=instance, **arguments))
