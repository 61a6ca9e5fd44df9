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

"""Upgrade checks of PCI flavors against the databases of Nova."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping

from nova import context as nova_context
from nova.db.api import api as nova_api_db
from nova.db.api import models as nova_api_models

from pci_ext import exception
from pci_ext.claims import reported_pools
from pci_ext.cmd.checks import databases
from pci_ext.db import pci_flavors
from pci_ext.i18n import _
from pci_ext.matching import request_grammar
from pci_ext.requests import from_flavor


@databases.of_the_cloud
def attributes_reported() -> Iterable[str]:
    """Find PCI flavors that match no device because of their attributes."""
    found = reported_pools.list_attributes(nova_context.get_admin_context())
    flavors = pci_flavors.get_all()
    empty = [flavor.name for flavor in flavors if not flavor.specs]
    if empty:
        yield (
            _(
                'PCI flavors without properties match no device: %s. Add '
                'properties by "openstack pci flavor set".'
            )
            % ', '.join(empty)
        )
    users = {
        flavor.name: sorted(set(flavor.specs) - found.keys)
        for flavor in flavors
    }
    unknown = _listed(users)
    if not unknown:
        return
    yield (
        _(
            'No compute host reports attributes that PCI flavors use, so '
            'these match no device: %s. Add the attributes to [pci_ext] '
            'pci_flavor_attrs on the compute hosts that have such devices, or '
            'remove them from the PCI flavors by "openstack pci flavor unset".'
        )
        % unknown
    )
    if found.unanswered:
        yield _(
            'Cells that do not answer may have such hosts: %s.'
        ) % ', '.join(found.unanswered)


@databases.of_the_cloud
def extra_specs_known() -> Iterable[str]:
    """Find flavors whose extra specs name missing PCI flavors."""
    asked: dict[str, Collection[str]] = {}
    invalid = []
    for flavor, value in _extra_specs(nova_context.get_admin_context()):
        try:
            asked[flavor] = {
                name
                for request in request_grammar.parse_requests(value)
                for name in request.alternatives
            }
        except exception.MalformedPciRequest as error:
            invalid.append(f'{flavor}: {error.format_message()}')
    known = {flavor.name for flavor in pci_flavors.get_all()}
    unknown = _listed(
        {flavor: sorted(set(names) - known) for flavor, names in asked.items()}
    )
    if unknown:
        yield _(
            'Flavors name PCI flavors that do not exist in their extra spec '
            '%(key)s, so no server can be created with them: %(flavors)s. '
            'Create the PCI flavors by "openstack pci flavor create", or '
            'correct the flavors by "openstack flavor set".'
        ) % {'key': from_flavor.PCI_FLAVOR, 'flavors': unknown}
    if invalid:
        yield _(
            'Flavors have an extra spec %(key)s that cannot be understood: '
            '%(flavors)s. Correct them by "openstack flavor set".'
        ) % {'key': from_flavor.PCI_FLAVOR, 'flavors': '; '.join(invalid)}


@nova_api_db.context_manager.reader
def _extra_specs(
    context: nova_context.RequestContext,
) -> list[tuple[str, str]]:
    rows = (
        context.session.query(
            nova_api_models.Flavors.name,
            nova_api_models.FlavorExtraSpecs.value,
        )
        .join(nova_api_models.Flavors.extra_specs)
        .filter(nova_api_models.FlavorExtraSpecs.key == from_flavor.PCI_FLAVOR)
        .order_by(nova_api_models.Flavors.name)
    )
    return [(row.name, row.value) for row in rows]


def _listed(names: Mapping[str, Iterable[str]]) -> str:
    """Format a mapping without its empty lists: ``a (b, c); d (e)``."""
    return '; '.join(
        f'{name} ({", ".join(values)})'
        for name, values in names.items()
        if values
    )
