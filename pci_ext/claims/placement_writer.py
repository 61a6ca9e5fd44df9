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

"""Seam: the allocations of PCI devices in Placement.

With ``[pci] report_in_placement`` Nova adds an allocation for each device of a
server, by a reshape of all providers and allocations of the host, which fails
if any of them changes meanwhile. It never removes the allocation of a device
that was freed. Here each update of the host makes the allocations equal to the
records of the tracker, by each way to claim or free a device. It writes only
those of the servers concerned. Allocations that cannot be written are left to
the next update, and do not fail this one.

With ``[filter_scheduler] pci_in_placement`` the scheduler allocates devices by
alias before the host claims them. Such allocations are left alone.
"""

import collections
from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import copy
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import pci_placement_translator
from nova.compute import provider_tree as nova_provider_tree
from nova.compute import task_states
from nova.compute import vm_states
from nova.scheduler.client import report
import os_traits
from oslo_config import cfg
from oslo_log import log as logging

from pci_ext.activation import seam
from pci_ext.claims import placement_allocations
from pci_ext.claims import tracker
from pci_ext.requests import call_arguments

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

_original = pci_placement_translator.update_provider_tree_for_pci


class AllocationWriter:
    """Writes the allocations of PCI devices during one update of a host.

    :param context: of an administrator
    """

    def __init__(
        self,
        client: report.SchedulerReportClient,
        context: nova_context.RequestContext,
    ) -> None:
        self._client = client
        self._context = context.elevated(read_deleted='yes')
        self._missing: placement_allocations.Changes = {}

    def remove_surplus(
        self,
        tree: nova_provider_tree.ProviderTree,
        node_name: str,
        pci_tracker: tracker.PciDevTracker,
        allocations: dict[str, Any],
        excluded: Collection[str] = (),
    ) -> None:
        """Remove the allocations of freed devices.

        To be called before the tree is changed, because Placement keeps an
        inventory that has allocations.

        :param allocations: of the host; updated with what was written
        :param excluded: servers to leave out
        """
        surplus, _missing = self._compare(
            tree, node_name, pci_tracker, allocations
        )
        for consumer, resources in surplus.items():
            if (
                consumer in excluded
                or self._may_arrive(consumer, pci_tracker.host)
                or not self._write(
                    self._client.remove_resources_from_instance_allocation,
                    consumer,
                    resources,
                )
            ):
                continue
            allocations[consumer] = self._client.get_allocs_for_consumer(
                self._context, consumer
            )
            if not allocations[consumer]['allocations']:
                del allocations[consumer]

    def find_missing(
        self,
        tree: nova_provider_tree.ProviderTree,
        node_name: str,
        pci_tracker: tracker.PciDevTracker,
        allocations: dict[str, Any],
        excluded: Collection[str],
    ) -> None:
        """Find the devices without an allocation.

        :param tree: with the providers of all devices
        :param excluded: servers to leave out
        """
        _surplus, missing = self._compare(
            tree, node_name, pci_tracker, allocations
        )
        self._missing = {
            server: resources
            for server, resources in missing.items()
            if server not in excluded
        }

    def add_missing(self) -> None:
        """Add allocations of the devices that :meth:`find_missing` found.

        To be called when Placement has the tree.
        """
        for consumer, resources in self._missing.items():
            self._write(
                self._client.add_resources_to_instance_allocation,
                consumer,
                resources,
            )

    def _compare(
        self,
        tree: nova_provider_tree.ProviderTree,
        node_name: str,
        pci_tracker: tracker.PciDevTracker,
        allocations: dict[str, Any],
    ) -> tuple[placement_allocations.Changes, placement_allocations.Changes]:
        resource_classes = {
            uuid: next(iter(tree.data(uuid).inventory), None)
            for uuid in tree.get_provider_uuids(node_name)
            if tree.has_traits(uuid, [os_traits.COMPUTE_MANAGED_PCI_DEVICE])
        }
        held = _held(tree, node_name, pci_tracker)
        servers = {
            server: server for counts in held.values() for server in counts
        }
        for consumer in placement_allocations.list_consumers(
            resource_classes, allocations
        ):
            if consumer not in servers and (
                server := self._find_server(consumer)
            ):
                servers[consumer] = server
        return placement_allocations.compare(
            held, resource_classes, allocations, servers
        )

    def _find_server(self, consumer: str) -> str | None:
        """Return the server of a migration, and of a server itself."""
        with contextlib.suppress(nova_exception.MigrationNotFound):
            migration = objects.Migration.get_by_uuid(self._context, consumer)
            return str(migration.instance_uuid)
        with contextlib.suppress(nova_exception.InstanceNotFound):
            objects.Instance.get_by_uuid(
                self._context, consumer, expected_attrs=[]
            )
            return consumer
        return None

    def _may_arrive(self, consumer: str, host: str) -> bool:
        """Tell whether a server may yet claim what the scheduler allocated.

        The allocations were read before the server: its claim, which waits
        for this update, cannot have been made and ended in between.
        """
        try:
            instance = objects.Instance.get_by_uuid(
                self._context, consumer, expected_attrs=[]
            )
        except nova_exception.InstanceNotFound:
            return False
        if instance.deleted:
            return False
        if instance.host == host:
            return bool(instance.task_state == task_states.RESIZE_PREP)
        return bool(
            instance.task_state or instance.vm_state == vm_states.BUILDING
        )

    def _write(
        self, method: Any, consumer: str, resources: dict[str, Any]
    ) -> bool:
        try:
            method(self._context, consumer, resources)
        except Exception as error:
            warn(consumer, resources, error)
            return False
        return True


def warn(consumer: str, resources: dict[str, Any], error: Exception) -> None:
    """Log that allocations could not be written now."""
    LOG.warning(
        'The allocation of PCI devices of %(consumer)s in Placement was not '
        'changed by %(resources)s; the next periodic scan tries again: '
        '%(error)s',
        {'consumer': consumer, 'resources': resources, 'error': error},
    )


def _held(
    tree: nova_provider_tree.ProviderTree,
    node_name: str,
    pci_tracker: tracker.PciDevTracker,
) -> dict[str, collections.Counter[str]]:
    """Count the devices of servers, by provider and server."""
    held: dict[str, collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    # Names the provider of a device.
    view = pci_placement_translator.PlacementView(node_name, [])
    for device in pci_tracker.pci_devs:
        if device.status not in tracker.IN_USE:
            continue
        spec = pci_tracker.dev_filter.get_devspec(device)
        if spec is not None and spec.get_tags().get('physical_network'):
            # Nova does not report these.
            continue
        name = view._ensure_rp_for_dev(device).name
        if tree.exists(name):
            held[tree.data(name).uuid][device.instance_uuid] += 1
    return held


@contextlib.contextmanager
def writing_allocations(
    client: report.SchedulerReportClient,
    context: nova_context.RequestContext,
) -> Iterator[None]:
    """Write the allocations of PCI devices with the update in the body."""
    writer = AllocationWriter(client, context)
    with call_arguments.passing(allocation_writer=writer):
        yield
    writer.add_missing()


def update_provider_tree_for_pci(
    provider_tree: nova_provider_tree.ProviderTree,
    nodename: str,
    pci_tracker: tracker.PciDevTracker,
    allocations: dict[str, Any],
    instances_under_same_host_resize: list[str],
) -> bool:
    """Add the providers of PCI devices to a tree, and free allocations.

    :returns: whether a reshape is needed; it is not, as the allocations are
        written one by one
    """
    writer = call_arguments.current().allocation_writer
    if writer is None or not CONF.pci.report_in_placement:
        return bool(
            _original(
                provider_tree,
                nodename,
                pci_tracker,
                allocations,
                instances_under_same_host_resize,
            )
        )
    host = provider_tree, nodename, pci_tracker
    # With these Nova keeps a provider that has lost its last device until the
    # next update.
    before = copy.deepcopy(allocations)
    writer.remove_surplus(*host, allocations)
    _original(*host, before, instances_under_same_host_resize)
    # As in Nova, a server has the allocations of one end of its resize.
    writer.find_missing(*host, allocations, instances_under_same_host_resize)
    return False


SEAM = seam.Seam(
    module='nova.compute.pci_placement_translator',
    name='update_provider_tree_for_pci',
    replacement=update_provider_tree_for_pci,
    signatures={
        '': (
            'provider_tree',
            'nodename',
            'pci_tracker',
            'allocations',
            'instances_under_same_host_resize',
        )
    },
)
