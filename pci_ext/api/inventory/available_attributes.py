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

They are the union over all hosts of all cells.
"""

from collections.abc import Mapping

from nova import context as nova_context
from oslo_log import log as logging

from pci_ext import exception
from pci_ext.claims import reported_pools
from pci_ext.i18n import _
from pci_ext.matching import selectors

LOG = logging.getLogger(__name__)


def available(context: nova_context.RequestContext) -> frozenset[str]:
    """List the attributes by which a PCI flavor can select devices.

    :returns: keys; those that are only reported in a cell that does not
        answer are missing
    """
    found = reported_pools.list_attributes(context)
    for cell_uuid in found.unanswered:
        LOG.warning(
            'The attributes of PCI devices in cell %s are not known: it '
            'does not answer.',
            cell_uuid,
        )
    return found.keys


def check_specs(
    context: nova_context.RequestContext, specs: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Check new specs of a PCI flavor.

    :param specs: patterns by key; None removes the key
    :returns: the same, with the keys as they are stored
    :raises InvalidSelector: if a key cannot be used in PCI flavors, or no
        host groups its devices by it
    :raises InvalidPattern: if a pattern is not acceptable
    """
    normalised = selectors.Selector(
        # Every key accepts the pattern for any value.
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
