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

"""The RPC server of pci_ext in nova-compute."""

from nova import context as nova_context
from nova import objects
import oslo_messaging as messaging

from pci_ext import exception
from pci_ext.compute import manager
from pci_ext.compute import nova_compute
from pci_ext.compute import rpcapi
from pci_ext.compute.migration import destination
from pci_ext.compute.operations import attach
from pci_ext.compute.operations import detach
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import reattach

Answer = dict[str, str] | None


class Endpoint:
    """The methods of :class:`pci_ext.compute.rpcapi.ComputeAPI`.

    A call returns as soon as the operation is accepted or refused. The rest of
    the operation takes as long as the guest does. Every public method can be
    called remotely.

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
        """Attach devices; accepted once they are claimed and recorded.

        :returns: a packed refusal; None if accepted
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
        """Detach devices; accepted if the server has all of them.

        :returns: a packed refusal; None if accepted
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
        """Reattach the devices that a live migration detached.

        :returns: a packed refusal; None if accepted
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
        migration_id: int,
    ) -> None:
        """Free the devices claimed for a live migration that has failed."""
        destination.release_claims(
            self._compute, context, instance, migration_id
        )
        self._manager.workers.report_pools(instance)

    def retry_reattach(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> None:
        """Try in the background to reattach the missing devices of a guest."""
        self._manager.retry_reattach(context, instance)

    def _begin(self, begun: operation.Operation) -> Answer:
        try:
            self._manager.workers.run_operation(begun).result()
        except exception.PciActionRefused as refusal:
            return rpcapi.pack(refusal)
        return None
