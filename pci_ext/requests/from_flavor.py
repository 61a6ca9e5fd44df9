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

"""Seam: from the extra specs of a flavor to the PCI requests of a server.

nova-api, which has the database of PCI flavors, resolves the names in the
extra specs to selectors, and stores the result in the extra specs of the
server's copy of the flavor. nova-compute, which has no database, makes the
requests from that copy when the server is resized, and a later change of a
PCI flavor does not affect the server.

So names are resolved only while a request of the API is served. The stored
result is used only elsewhere: in nova-api a user could have put it into the
extra specs.
"""

from collections.abc import Collection
import contextlib
from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.objects import fields
from nova.pci import request
from oslo_log import log as logging
from oslo_serialization import jsonutils
from oslo_utils import uuidutils

from pci_ext import exception
from pci_ext import server_state
from pci_ext.activation import seam
from pci_ext.i18n import _
from pci_ext.i18n import _P
from pci_ext.matching import compiled_requests
from pci_ext.matching import patterns
from pci_ext.matching import request_grammar
from pci_ext.objects import pci_flavor
from pci_ext.requests import call_arguments
from pci_ext.requests import live_migration_policy
from pci_ext.requests import moves

LOG = logging.getLogger(__name__)

ALIAS = 'pci_passthrough:alias'
PCI_FLAVOR = 'pci_passthrough:pci_flavor'
PCI_NAME = 'pci_passthrough:pci_name'

_original = request.get_pci_requests_from_flavor
_has_warned_of_alias = False


class InvalidPciRequest(nova_exception.PciInvalidAlias):
    """A request for PCI flavors that cannot be served; 400 in Nova's API."""

    msg_fmt = _('Invalid request for PCI devices: %(reason)s')


def resolving(
    find_pci_flavors: call_arguments.FindPciFlavors,
) -> contextlib.AbstractContextManager[None]:
    """Resolve names in this thread, for one request of the API."""
    return call_arguments.passing(find_pci_flavors=find_pci_flavors)


def is_resolving() -> bool:
    """Tell whether names can be resolved: in nova-api alone."""
    return call_arguments.current().find_pci_flavors is not None


def resolve(extra_specs: dict[str, str]) -> list[dict[str, Any]]:
    """Look up the PCI flavors that extra specs name.

    :returns: for each request a dict of count, alias_name and spec, the
        last a list of one selector an alternative
    :raises InvalidPciRequest: if a value does not parse or names a PCI
        flavor that does not exist, that the user may not see, or that has no
        specs
    """
    try:
        parsed = (
            request_grammar.parse_requests(extra_specs[PCI_FLAVOR])
            if PCI_FLAVOR in extra_specs
            else ()
        )
        names = (
            request_grammar.parse_names(extra_specs[PCI_NAME])
            if PCI_NAME in extra_specs
            else ()
        )
    except exception.MalformedPciRequest as error:
        raise InvalidPciRequest(reason=error.format_message()) from error
    found = _find({name for item in parsed for name in item.alternatives})
    resolved: list[dict[str, Any]] = [
        {
            'count': item.count,
            'alias_name': ','.join(item.alternatives),
            'spec': [
                {
                    **found[name].specs,
                    **live_migration_policy.spec_keys(
                        found[name].live_migration
                    ),
                    compiled_requests.PCI_FLAVOR: name,
                    compiled_requests.PCI_FLAVOR_UUID: found[name].uuid,
                }
                for name in item.alternatives
            ],
        }
        for item in parsed
    ]
    # dict.fromkeys keeps the order in which the names first occur.
    resolved += [
        {
            'count': names.count(name),
            'alias_name': name,
            'spec': [
                {
                    'e.name': patterns.literal(name),
                    **live_migration_policy.spec_keys(
                        live_migration_policy.FOR_NAMED_DEVICES
                    ),
                    compiled_requests.PCI_NAME: name,
                }
            ],
        }
        for name in dict.fromkeys(names)
    ]
    if sum(item['count'] for item in resolved) > request_grammar.MAX_COUNT:
        raise InvalidPciRequest(
            reason=_(
                '%(pci_flavor)s and %(pci_name)s together request more than '
                '%(limit)d devices'
            )
            % {
                'pci_flavor': PCI_FLAVOR,
                'pci_name': PCI_NAME,
                'limit': request_grammar.MAX_COUNT,
            }
        )
    return resolved


def _find(names: Collection[str]) -> dict[str, pci_flavor.PciFlavor]:
    find_pci_flavors = call_arguments.current().find_pci_flavors
    if find_pci_flavors is None:
        if not names:
            return {}
        raise _not_resolved()
    found = {flavor.name: flavor for flavor in find_pci_flavors(names)}
    missing = sorted(set(names) - set(found))
    if missing:
        raise InvalidPciRequest(
            reason=_P(
                'PCI flavor %s could not be found.',
                'PCI flavors %s could not be found.',
                len(missing),
            )
            % ', '.join(missing)
        )
    empty = sorted(name for name in names if not found[name].specs)
    if empty:
        raise InvalidPciRequest(
            reason=_P(
                'PCI flavor %s has no properties, so it matches no device.',
                'PCI flavors %s have no properties, so they match no device.',
                len(empty),
            )
            % ', '.join(empty)
        )
    return found


def _not_resolved() -> InvalidPciRequest:
    return InvalidPciRequest(
        reason=_(
            'the flavor was not resolved by nova-api: check by '
            'pci-ext-status that it serves PCI flavors'
        )
    )


def _make_requests(
    flavor: 'objects.Flavor', affinity_policy: str | None
) -> 'list[objects.InstancePCIRequest]':
    extra_specs = flavor.extra_specs
    if not (PCI_FLAVOR in extra_specs or PCI_NAME in extra_specs):
        return []
    if is_resolving():
        extra_specs[server_state.RESOLVED] = jsonutils.dumps(
            resolve(extra_specs)
        )
    elif server_state.RESOLVED not in extra_specs:
        if not moves.keeps_flavor(flavor):
            raise _not_resolved()
        # It was created by a nova-api without pci_ext, during an upgrade.
        LOG.warning(
            'The flavor of a server that moves requests PCI devices that the '
            'server never had: it moves without them.',
            instance=call_arguments.current().moving_instance,
        )
        return []
    return [
        objects.InstancePCIRequest(
            count=item['count'],
            alias_name=item['alias_name'],
            spec=item['spec'],
            numa_policy=(
                affinity_policy or fields.PCINUMAAffinityPolicy.LEGACY
            ),
            request_id=uuidutils.generate_uuid(),
        )
        for item in jsonutils.loads(extra_specs[server_state.RESOLVED])
    ]


def _warn_of_alias() -> None:
    global _has_warned_of_alias
    if not _has_warned_of_alias:
        _has_warned_of_alias = True
        LOG.warning(
            'A flavor requests PCI devices by the extra spec %(alias)s. It '
            'still works; PCI flavors and the extra spec %(pci_flavor)s '
            'replace it.',
            {'alias': ALIAS, 'pci_flavor': PCI_FLAVOR},
        )


def get_pci_requests_from_flavor(
    flavor: 'objects.Flavor', affinity_policy: str | None = None
) -> 'objects.InstancePCIRequests':
    """Return the PCI requests of a flavor, by alias and by PCI flavor.

    For a server that moves, they include the requests that it keeps.

    :param affinity_policy: NUMA policy of flavor or image for all requests
    :raises InvalidPciRequest: if the extra specs of pci_ext are invalid
    """
    result = _original(flavor, affinity_policy=affinity_policy)
    if 'extra_specs' in flavor:
        if ALIAS in flavor.extra_specs:
            _warn_of_alias()
        result.requests.extend(
            _make_requests(
                flavor, affinity_policy or moves.affinity_policy(flavor)
            )
        )
    result.requests = moves.adjust_for_move(flavor, result.requests)
    return result


SEAM = seam.Seam(
    module='nova.pci.request',
    name='get_pci_requests_from_flavor',
    replacement=get_pci_requests_from_flavor,
    signatures={'': ('flavor', 'affinity_policy')},
)
