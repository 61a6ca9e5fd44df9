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
"""The lines in the log of nova-scheduler about hosts without the devices."""

from collections.abc import Iterable
from typing import Any

from nova import objects
from oslo_log import log as logging

from pci_ext import exception
from pci_ext.matching import compiled_requests
from pci_ext.matching import exclusion
from pci_ext.matching import explanation
from pci_ext.requests import compiler
from pci_ext.scheduler import cell_records

LOG = logging.getLogger(__name__)


def log_shortage(
    requests: compiled_requests.CompiledRequests,
    hosts: Iterable[cell_records.Pools],
    spec_obj: 'objects.RequestSpec',
) -> None:
    """Log the PCI flavors with too few devices on each single host.

    :param hosts: the pools of each host, or of each kind of hosts
    """
    # An explanation of every host would take too long for a log at this level.
    found = zip(*map(requests.count_matching, hosts), strict=True)
    LOG.info(
        'No host has the devices by PCI flavor for server %(server)s: '
        '%(shortage)s (the most of each on a single host)',
        {
            'server': spec_obj.instance_uuid,
            'shortage': '; '.join(
                explanation.shortage_text(request, max(counts))
                for request, counts in zip(
                    compiler.list_names(spec_obj), found, strict=True
                )
            ),
        },
    )


def log_explanation(
    requests: compiled_requests.CompiledRequests,
    pools: cell_records.Pools,
    spec_obj: 'objects.RequestSpec',
    host: Any,
    budget: exclusion.Budget,
) -> None:
    """Log at level DEBUG the reason for which a host does not fit.

    :param host: its state or its name; or those of hosts with equal pools
    """
    if not LOG.isEnabledFor(logging.DEBUG):
        return
    LOG.debug(
        'Server %(server)s on %(host)s: %(explanation)s',
        {
            'server': spec_obj.instance_uuid,
            'host': host,
            'explanation': explanation.to_text(
                explanation.explain(requests, pools, budget),
                compiler.list_names(spec_obj),
                pools,
            ),
        },
    )


def log_given_up(
    error: exception.AssignmentGivenUp, spec_obj: 'objects.RequestSpec'
) -> None:
    """Log that hosts are left out whose search was given up."""
    LOG.warning(
        'For server %(server)s hosts were left out: %(reason)s',
        {'server': spec_obj.instance_uuid, 'reason': error},
    )
