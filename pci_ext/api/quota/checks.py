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

"""Quota of PCI flavors: what is checked when servers ask for devices."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_config import cfg

from pci_ext.api.quota import limits
from pci_ext.api.quota import usage
from pci_ext.i18n import _

CONF = cfg.CONF


class PciFlavorLimitExceeded(nova_exception.OverQuota):
    """Over quota; 403 in the API, where Nova has its own answered so."""

    def __init__(self, overs: Sequence[limits.Over]) -> None:
        super().__init__(
            ' '.join(
                _(
                    'Quota exceeded for PCI flavor %(name)s: requested '
                    '%(asked)d, but already used %(used)d of %(limit)d '
                    'devices.'
                )
                % dataclasses.asdict(over)
                for over in overs
            )
        )


def check_boot(
    context: nova_context.RequestContext,
    requests: 'objects.InstancePCIRequests',
    min_count: int,
    max_count: int,
) -> int:
    """See how many servers a project may boot.

    :param requests: those of each
    :param min_count: the fewest that are wanted
    :param max_count: the most
    :returns: the most that can be
    :raises PciFlavorLimitExceeded: if the fewest are too many
    """
    each = usage.at_most(requests.requests)
    found = _limits_of(context, context.project_id, each)
    if found is None:
        return max_count
    limited, each = found
    try:
        limited.enforce(_of_servers(each, max_count))
    except limits.OverLimit as error:
        room = min(
            (over.limit - over.used) // each[over.name] for over in error.overs
        )
    else:
        return max_count
    # Without room for the fewest, they are what is told about.
    count = max(room, min_count)
    _enforce(limited, _of_servers(each, count))
    return count


def recheck_boot(
    context: nova_context.RequestContext,
    requests: 'objects.InstancePCIRequests',
    count: int,
) -> None:
    """See whether servers on record are within what a project may have.

    Others may have been recorded after `check_boot`.

    :param count: how many were recorded
    :raises PciFlavorLimitExceeded: if they are not
    """
    each = usage.at_most(requests.requests)
    recheck(context, context.project_id, _of_servers(each, count))


def recheck(
    context: nova_context.RequestContext,
    project_id: str,
    asked: Mapping[str, int],
) -> None:
    """See whether what is on record is within what a project may have.

    Others may have been recorded after it was checked.

    :param asked: what was checked, by the names of PCI flavors
    :raises PciFlavorLimitExceeded: if it is not
    """
    if not CONF.quota.recheck_quota:
        return
    found = _limits_of(context, project_id, usage.Charges(asked))
    if found is None:
        return
    limited, limited_asked = found
    try:
        limited.enforce(dict.fromkeys(limited_asked, 0))
    except limits.OverLimit as error:
        raise PciFlavorLimitExceeded(
            [
                dataclasses.replace(
                    over,
                    used=over.used - asked[over.name],
                    asked=asked[over.name],
                )
                for over in error.overs
            ]
        ) from error


def check_resize(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    requests: 'objects.InstancePCIRequests',
) -> usage.Charges:
    """See whether a server may be resized.

    :param requests: those of its new flavor
    :returns: what is asked for that has a limit
    :raises PciFlavorLimitExceeded: if that asks for too much more than
        the server has by its flavor now
    """
    # What was attached is the server's whatever its flavor.
    asked = usage.at_most(filter(usage.is_of_flavor, requests.requests))
    found = _limits_of(context, instance.project_id, asked)
    if found is None:
        return usage.Charges()
    limited, asked = found
    more = asked - usage.of_flavor(instance)
    _enforce(limited, more)
    return more


def check_unshelve(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
) -> usage.Charges:
    """See whether a server that was offloaded may have its devices back.

    :returns: what is asked for that has a limit
    :raises PciFlavorLimitExceeded: if it may not
    """
    requests = instance.pci_requests
    return check_attach(
        context, instance, requests.requests if requests else []
    )


def check_attach(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    requests: 'Sequence[objects.InstancePCIRequest]',
) -> usage.Charges:
    """See whether devices may be attached to a server.

    :returns: what is asked for that has a limit
    :raises PciFlavorLimitExceeded: if not
    """
    asked = usage.at_most(requests)
    found = _limits_of(context, instance.project_id, asked)
    if found is None:
        return usage.Charges()
    _enforce(*found)
    return found[1]


def _limits_of(
    context: nova_context.RequestContext,
    project_id: str,
    asked: usage.Charges,
) -> tuple[limits.Limits, usage.Charges] | None:
    """Give the limits that matter, and what is asked for under them.

    :returns: None if there are none
    """
    found = limits.of_project(context, project_id) if asked else None
    names = found.limited(asked) if found else frozenset()
    if found is None or not names:
        return None
    return found, usage.Charges(
        {name: devices for name, devices in asked.items() if name in names}
    )


def _of_servers(each: usage.Charges, count: int) -> usage.Charges:
    return usage.Charges(
        {name: devices * count for name, devices in each.items()}
    )


def _enforce(limited: limits.Limits, asked: usage.Charges) -> None:
    if not asked:
        return
    try:
        limited.enforce(asked)
    except limits.OverLimit as error:
        raise PciFlavorLimitExceeded(error.overs) from error
