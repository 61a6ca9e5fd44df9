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
"""Seam: the hosts for which nova-scheduler asks Placement.

Those with requests by PCI flavor are for hosts whose pools on record can serve
them.
"""

from collections.abc import Sequence
import random
from typing import Any
import weakref

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.scheduler import host_manager as nova_host_manager
from nova.scheduler import utils
from oslo_log import log as logging

from pci_ext import exception
from pci_ext.activation import seam
from pci_ext.i18n import _
from pci_ext.matching import compiled_requests
from pci_ext.matching import exclusion
from pci_ext.requests import compiler
from pci_ext.scheduler import cell_records
from pci_ext.scheduler import host_records
from pci_ext.scheduler import placement_query
from pci_ext.scheduler import shortage

LOG = logging.getLogger(__name__)

_records: weakref.WeakKeyDictionary[
    'nova_host_manager.HostManager', host_records.HostRecords
] = weakref.WeakKeyDictionary()

_get_resources = utils.resources_from_request_spec


def resources_from_request_spec(
    ctxt: nova_context.RequestContext,
    spec_obj: 'objects.RequestSpec',
    host_manager: 'nova_host_manager.HostManager',
    enable_pinning_translate: bool = True,
) -> 'utils.ResourceRequest':
    """Restrict the resources to the hosts that have the devices.

    :raises nova.exception.NoValidHost: if there is no such host, or as Nova's
        function
    """
    resources = _get_resources(
        ctxt, spec_obj, host_manager, enable_pinning_translate
    )
    requests = compiler.compile_request_spec(spec_obj)
    if (
        requests is not None
        and not _names_host(spec_obj)
        and placement_query.can_restrict(resources)
    ):
        candidates = _find(ctxt, spec_obj, host_manager, requests, resources)
        if candidates is not None:
            placement_query.restrict(resources, candidates)
    return resources


def _value(container: Any, name: str) -> Any:
    return (
        getattr(container, name) if container and name in container else None
    )


def _names_host(spec_obj: 'objects.RequestSpec') -> bool:
    """Tell whether a request is for one host; Nova asks for that alone."""
    destination = _value(spec_obj, 'requested_destination')
    return any(
        _value(spec_obj, name) for name in ('force_hosts', 'force_nodes')
    ) or any(_value(destination, name) for name in ('host', 'node'))


def _cells(
    spec_obj: 'objects.RequestSpec',
    host_manager: 'nova_host_manager.HostManager',
) -> 'Sequence[objects.CellMapping]':
    """List the cells whose hosts Nova considers."""
    destination = _value(spec_obj, 'requested_destination')
    cell = _value(destination, 'cell')
    if cell and not destination.allow_cross_cell_move:
        return [cell]
    cells: list[objects.CellMapping] = list(host_manager.enabled_cells)
    return cells


def _find(
    context: nova_context.RequestContext,
    spec_obj: 'objects.RequestSpec',
    host_manager: 'nova_host_manager.HostManager',
    requests: compiled_requests.CompiledRequests,
    resources: 'utils.ResourceRequest',
) -> placement_query.Candidates | None:
    """Find the hosts that have the devices.

    :returns: None to ask for all hosts
    :raises nova.exception.NoValidHost: if there is none
    """
    records = _records.setdefault(host_manager, host_records.HostRecords())
    cells = _cells(spec_obj, host_manager)
    ignored = _value(spec_obj, 'ignore_hosts') or ()
    for whole in (False, True):
        recorded = records.read(context, cells, ignored, whole=whole)
        budget = exclusion.Budget()
        hosts, given_up = _in_order(recorded, requests, budget)
        if given_up:
            shortage.log_given_up(given_up, spec_obj)
        if hosts:
            LOG.debug(
                'Of %(count)d hosts %(fitting)d have the devices by PCI '
                'flavor for server %(server)s',
                {
                    'count': recorded.count,
                    'fitting': len(hosts),
                    'server': spec_obj.instance_uuid,
                },
            )
            return placement_query.Candidates(
                [host.aggregate for host in hosts],
                has_more=not all(host.is_member for host in hosts),
                are_most=len(hosts) > placement_query.QUERY_SIZE
                and (
                    resources._limit is None
                    or resources._limit >= recorded.count
                ),
            )
        if not recorded.all_answered or not recorded.count:
            return None
    if given_up:
        raise nova_exception.NoValidHost(
            reason=given_up.format_message()
        ) from given_up
    shortage.log_shortage(
        requests, [pools for pools, _ in recorded.kinds()], spec_obj
    )
    for pools, hosts in recorded.kinds():
        names = ', '.join(host.name for host in hosts)
        shortage.log_explanation(requests, pools, spec_obj, names, budget)
    raise nova_exception.NoValidHost(
        reason=_('No host has the requested PCI devices free.')
    )


def _in_order(
    recorded: host_records.RecordedPools,
    requests: compiled_requests.CompiledRequests,
    budget: exclusion.Budget,
) -> tuple[list[cell_records.Host], exception.AssignmentGivenUp | None]:
    """Order the hosts that can serve requests by the steps down.

    Hosts with as many are in random order: which of them Placement is asked
    for differs from request to request.

    :returns: the hosts; the error if it is not known of all whether they can
    """
    by_cost: dict[int, list[cell_records.Host]] = {}
    given_up = None
    for pools, hosts in recorded.kinds():
        try:
            fit = requests.fit(pools, budget)
        except exception.AssignmentGivenUp as error:
            given_up = error
            continue
        if fit is not None:
            by_cost.setdefault(fit.cost, []).extend(hosts)
    ordered = []
    for cost in sorted(by_cost):
        random.shuffle(by_cost[cost])
        ordered += by_cost[cost]
    return ordered, given_up


SEAM = seam.Seam(
    module='nova.scheduler.utils',
    name='resources_from_request_spec',
    replacement=resources_from_request_spec,
    signatures={
        '': ('ctxt', 'spec_obj', 'host_manager', 'enable_pinning_translate')
    },
)
