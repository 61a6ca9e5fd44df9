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

"""The attributes that PCI flavors may use: those that hosts group by.

Each compute host reports its pools with the properties it groups them by.
What all hosts of all cells report together is what a PCI flavor may select
by; it is read where Nova keeps it and stored nowhere else.
"""

from collections.abc import Mapping
from typing import Any

from nova import context as nova_context
from nova.db.main import api as db_api
from nova.db.main import models
from oslo_log import log as logging
from oslo_serialization import jsonutils

from pci_ext import exception
from pci_ext.i18n import _
from pci_ext.matching import selectors

LOG = logging.getLogger(__name__)

#: Keys of pools that serve Nova and pci_ext and say nothing of the devices.
_INTERNAL = frozenset(
    (
        'address',
        'count',
        'parent_ifname',
        'remote_managed',
        'rp_uuid',
        'special_attrs',
    )
)


def available(context: nova_context.RequestContext) -> frozenset[str]:
    """List the attributes by which a PCI flavor can select devices.

    :returns: keys; those that only hosts of a cell report that does not
        answer are missing
    """
    keys: set[str] = set()
    results = nova_context.scatter_gather_skip_cell0(
        context, _attributes_of_cell
    )
    for cell_uuid, result in results.items():
        if nova_context.is_cell_failure_sentinel(result):
            LOG.warning(
                'The attributes of PCI devices in cell %s are not known: it '
                'does not answer.',
                cell_uuid,
            )
        else:
            keys |= result
    return frozenset(keys)


@db_api.pick_context_manager_reader
def _attributes_of_cell(context: nova_context.RequestContext) -> set[str]:
    # Many hosts may report the same, that they have no devices above all.
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
        for pool in _pools_of(pci_stats)
        for key, value in pool.items()
        # Nova's pools always have vendor_id and product_id; they are empty
        # where a host does not group by them.
        if value is not None and value != '' and key not in _INTERNAL
    }


def _pools_of(pci_stats: str) -> list[dict[str, Any]]:
    """Read the properties of a host's pools from a PciDevicePoolList.

    Not by way of the objects, which take ten times as long to make: with
    10,000 hosts seconds.
    """
    pools = jsonutils.loads(pci_stats)['nova_object.data']['objects']
    properties = []
    for pool in pools:
        data = pool['nova_object.data']
        tags = data.pop('tags')
        properties.append(data | tags)
    return properties


def check_specs(
    context: nova_context.RequestContext, specs: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Check what is to be set in the specs of a PCI flavor.

    :param specs: patterns by key; None removes the key
    :returns: the same, with the keys under the names they are stored by
    :raises InvalidSelector: if a key cannot be used in PCI flavors, or no
        host groups its devices by it
    :raises InvalidPattern: if a pattern is not acceptable
    """
    normalised = selectors.Selector(
        # Any key can have the pattern for any value.
        {key: '*' if text is None else text for key, text in specs.items()}
    ).specs
    checked = dict(zip(normalised, specs.values(), strict=True))
    given = {key: text for key, text in checked.items() if text is not None}
    selectors.validate_flavor_keys(given)
    if given:
        known = available(context)
        for key in given:
            if key not in known:
                raise exception.InvalidSelector(
                    key=key, reason=_why_unavailable(known)
                )
    return checked


def _why_unavailable(known: frozenset[str]) -> str:
    if not known:
        return _(
            'no compute host reports PCI devices, so there are no attributes '
            'to select by. Offer devices first, by [pci_ext] pci_information '
            'on a compute host.'
        )
    return _(
        'no compute host groups its PCI devices by it. Available are: '
        '%(available)s. Add the attribute to [pci_ext] pci_flavor_attrs on '
        'the compute hosts, or select by another.'
    ) % {'available': ', '.join(sorted(known))}
