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

"""The allocations in Placement of one claim on a host.

With ``[pci] report_in_placement`` a claim allocates its devices in Placement
before it takes them. With ``[filter_scheduler] pci_in_placement`` the
scheduler may meanwhile have allocated the same device by alias to a server
that has not claimed it yet: then the claim takes another one.
"""

import collections
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import pci_placement_translator
from nova.compute import resource_tracker
import os_traits
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext.claims import placement_writer

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Placement does not answer, or not as Nova expects it to.
_ERRORS = (
    keystone_exceptions.ClientException,
    nova_exception.NovaException,
)


class PlacementClaim:
    """The allocations of a claim for one server.

    The caller has the lock of the resource tracker.

    :param consumer: uuid of the server
    :param allocations: those that the scheduler made for this claim, by the
        uuid of the resource provider; None if it was not asked
    """

    def __init__(
        self,
        rt: resource_tracker.ResourceTracker,
        context: nova_context.RequestContext,
        consumer: str,
        allocations: Mapping[str, Any] | None,
    ) -> None:
        self._rt = rt
        self._context = context
        self._consumer = consumer
        self._allocations = allocations

    def chooses_for_aliases(self) -> bool:
        """Tell whether devices for aliases are chosen here, and not by Nova.

        Of a server that moves, Nova loses the devices that Placement chose.
        Placement is not asked for an attach.
        """
        return self._allocations is None or bool(self.count_chosen())

    def count_chosen(self) -> collections.Counter[str]:
        """Count the devices that the scheduler chose, by provider."""
        return collections.Counter(
            {
                provider: sum(each['resources'].values())
                for provider, each in (self._allocations or {}).items()
                if self._resource_class(provider)
            }
        )

    def allocate(self, wanted: Mapping[str, int]) -> dict[str, int] | None:
        """Allocate devices, by the uuid of their provider.

        :returns: None if they are allocated, or will be with the next update
            because Placement does not answer or does not have the provider
            yet; if Placement has no room for them, the number of devices that
            it has free, by provider
        """
        resources = {
            provider: {'resources': {resource_class: count}}
            for provider, count in wanted.items()
            if (resource_class := self._resource_class(provider))
        }
        if not resources:
            return None
        free = None
        try:
            # Twice, as the allocations of freed devices may be in the way.
            for _ in range(2):
                if self._write(resources):
                    return None
                free = dict.fromkeys(resources, 0)
                free = self._count_free(resources)
                if any(free.get(each, 0) < wanted[each] for each in resources):
                    break
        except _ERRORS as error:
            placement_writer.warn(self._consumer, resources, error)
        return free

    def _write(self, resources: dict[str, Any]) -> bool:
        """Tell whether Placement has room for the devices."""
        try:
            self._rt.reportclient.add_resources_to_instance_allocation(
                self._context, self._consumer, resources
            )
        except nova_exception.AllocationUpdateFailed as error:
            LOG.info(
                'Placement refuses the PCI devices that the host has for '
                'server %(server)s: %(error)s',
                {'server': self._consumer, 'error': error},
            )
            return False
        return True

    def _resource_class(self, provider: str) -> str | None:
        """Return the resource class of a provider of PCI devices here."""
        tree = self._rt.provider_tree
        if tree is None or not tree.exists(provider):
            return None
        data = tree.data(provider)
        if os_traits.COMPUTE_MANAGED_PCI_DEVICE not in data.traits:
            return None
        return next(iter(data.inventory), None)

    def _node(self) -> 'objects.ComputeNode':
        [node] = [
            each
            for each in self._rt.compute_nodes.values()
            if each.id == self._rt.pci_tracker.node_id
        ]
        return node

    def _count_free(self, wanted: Mapping[str, Any]) -> dict[str, int]:
        """Count the free devices, when those of freed ones are removed."""
        node = self._node()
        name = node.hypervisor_hostname
        client = self._rt.reportclient
        for provider in wanted:
            # An operator may have reserved it.
            client.invalidate_resource_provider(provider, cacheonly=True)
        tree = client.get_provider_tree_and_ensure_root(
            self._context, node.uuid, name=name
        )
        allocations = client.get_allocations_for_provider_tree(
            self._context, name
        )
        placement_writer.AllocationWriter(
            client, self._context
        ).remove_surplus(
            tree,
            name,
            self._rt.pci_tracker,
            allocations,
            # They are to be claimed yet.
            excluded=[self._consumer] if self._allocations else [],
        )
        usage = pci_placement_translator.PlacementView.get_usage_per_rc_and_rp(
            allocations
        )
        return {
            provider: inventory['total']
            - inventory.get('reserved', 0)
            - usage[provider][resource_class]
            for provider in tree.get_provider_uuids(name)
            if (resource_class := self._resource_class(provider))
            and (
                inventory := tree.data(provider).inventory.get(resource_class)
            )
        }
