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

"""Pools that compute hosts report, read from Nova's cells.

Each compute host reports its pools with the properties it groups them by.
The pools are read from Nova's cell databases and stored nowhere else.
"""

import dataclasses
from typing import Any

from nova import context as nova_context
from nova.db.main import api as db_api
from nova.db.main import models
from oslo_serialization import jsonutils

#: Keys of pools that are internal to Nova and pci_ext, no device properties.
_INTERNAL = frozenset(
    (
        'address',
        'count',
        'live_migratable',
        'one_time_use',
        'parent_ifname',
        'remote_managed',
        'rp_uuid',
        'special_attrs',
    )
)


@dataclasses.dataclass(frozen=True)
class Attributes:
    """The attributes by which compute hosts group their devices.

    :ivar keys: keys of all hosts in the cells that answered
    :ivar unanswered: uuids of the cells that did not answer
    """

    keys: frozenset[str]
    unanswered: tuple[str, ...]


def list_attributes(context: nova_context.RequestContext) -> Attributes:
    """Collect from all cells the attributes that their hosts report."""
    keys: set[str] = set()
    unanswered = []
    results = nova_context.scatter_gather_skip_cell0(context, _list_in_cell)
    for cell_uuid, result in results.items():
        if nova_context.is_cell_failure_sentinel(result):
            unanswered.append(cell_uuid)
        else:
            keys |= result
    return Attributes(frozenset(keys), tuple(unanswered))


@db_api.pick_context_manager_reader
def _list_in_cell(context: nova_context.RequestContext) -> set[str]:
    # Many hosts may report the same pools; most often none at all.
    rows = (
        context.session.query(models.ComputeNode.pci_stats)
        .filter(
            models.ComputeNode.deleted == 0,
            models.ComputeNode.pci_stats.isnot(None),
        )
        .distinct()
    )
    return {
        key
        for (pci_stats,) in rows
        for pool in parse_pools(pci_stats)
        for key, value in pool.items()
        # Nova's pools always have vendor_id and product_id; they are empty
        # where a host does not group by them.
        if value is not None and value != '' and key not in _INTERNAL
    }


def parse_pools(pci_stats: str) -> list[dict[str, Any]]:
    """Read the properties of a host's pools from a PciDevicePoolList.

    Objects of Nova are not used: they would take ten times as long, which is
    seconds with 10,000 hosts.

    :returns: none of a text that was cut, because it did not fit its column
    """
    try:
        read = jsonutils.loads(pci_stats)
    except ValueError:
        return []
    pools = read['nova_object.data']['objects']
    properties = []
    for pool in pools:
        data = pool['nova_object.data']
        tags = data.pop('tags')
        properties.append(data | tags)
    return properties
