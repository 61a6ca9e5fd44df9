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

"""What nova-compute does for pci_ext when it is called."""

from concurrent import futures

from nova import context as nova_context
from nova import objects
from nova.compute import utils as compute_utils
import oslo_messaging as messaging

from pci_ext import exception
from pci_ext.compute import manager
from pci_ext.compute import nova_compute
from pci_ext.compute import rpcapi
from pci_ext.compute.operations import attach
from pci_ext.compute.operations import detach
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import reattach

Answer = dict[str, str] | None


class Endpoint:
    """The methods of :class:`pci_ext.compute.rpcapi.ComputeAPI`.

    Each answers as soon as it is decided whether the operation can be. What
    then remains to be done takes as long as the guest does.

    :param compute: Nova's compute manager, which serves its own methods on
        the same topic
    """

    target = messaging.Target(
        namespace=rpcapi.NAMESPACE, version=rpcapi.VERSION
    )

    def __init__(
        self,
        compute: nova_compute.ComputeManager,
        pci_manager: manager.Manager,
    ) -> None:
        self._compute = compute
        self._manager = pci_manager

    def attach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
        requests: 'list[objects.InstancePCIRequest]',
    ) -> Answer:
        """Begin to attach devices, once they are claimed and recorded.

        :returns: None, or why it cannot be
        """
        return self._begin(
            attach.Attach(
                self._compute, context, instance.uuid, operation_id, requests
            )
        )

    def detach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
        dev_ids: list[str],
    ) -> Answer:
        """Begin to detach devices, if all are those of the server.

        :returns: None, or why it cannot be
        """
        return self._begin(
            detach.Detach(
                self._compute, context, instance.uuid, operation_id, dev_ids
            )
        )

    def reattach_pci(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        operation_id: str,
    ) -> Answer:
        """Begin to attach what a live migration took out of the guest.

        :returns: None, or why it cannot be
        """
        return self._begin(
            reattach.Reattach(
                self._compute, context, instance.uuid, operation_id
            )
        )

    def release_claims(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migration_id: int | None = None,
    ) -> None:
        """Free what is claimed for a server that does not come after all."""
        self._manager.release_claims(context, instance, migration_id)

    def attach_again(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Attach what the guest of a server lacks, in the background."""
        self._manager.attach_again(context, instance)

    def _begin(self, begun: operation.Operation) -> Answer:
        decision: futures.Future[None] = futures.Future()
        self._manager.workers.start(
            begun.server_uuid, lambda: self._run(begun, decision)
        )
        try:
            decision.result()
        except exception.PciActionRefused as refusal:
            return rpcapi.pack(refusal)
        return None

    def _run(
        self, begun: operation.Operation, decision: 'futures.Future[None]'
    ) -> None:
        try:
            with compute_utils.EventReporter(
                begun.context,
                f'compute_{begun.name}',
                self._compute.host,
                begun.server_uuid,
            ):
                begun.run(lambda: decision.set_result(None))
        except BaseException as error:
            if not decision.done():
                decision.set_exception(error)
            else:
                raise
