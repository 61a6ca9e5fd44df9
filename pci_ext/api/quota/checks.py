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

"""Quota of PCI flavors: the checks before servers are given devices."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_config import cfg

from pci_ext.api.quota import counted_flavors
from pci_ext.api.quota import limits
from pci_ext.api.quota import usage
from pci_ext.i18n import _

CONF = cfg.CONF


class PciFlavorLimitExceeded(nova_exception.OverQuota):
    """Over quota; the API answers 403, as for Nova's own quotas."""

    def __init__(
        self,
        infos: Sequence[limits.LimitExceededInfo],
        text: str = _(
            'Quota exceeded for PCI flavor %(name)s: requested %(requested)d, '
            'but already used %(used)d of %(limit)d devices.'
        ),
    ) -> None:
        super().__init__(
            ' '.join(text % dataclasses.asdict(info) for info in infos)
        )


#: The text where requests at the same time exceed a limit together. Those that
#: are refused do not use devices, so that their number would mislead.
_TOGETHER = _(
    'Quota exceeded for PCI flavor %(name)s: requested %(requested)d, and '
    'other requests at the same time take the rest of %(limit)d devices. Try '
    'again.'
)


def check_boot(
    context: nova_context.RequestContext,
    requests: 'objects.InstancePCIRequests',
    min_count: int,
    max_count: int,
) -> int:
    """Return the number of servers that a project may boot.

    :param requests: of each server
    :param min_count: the least number that is requested
    :param max_count: the greatest
    :returns: a number from min_count to max_count
    :raises PciFlavorLimitExceeded: if min_count servers are too many
    """
    found = _limits_of(context, context.project_id, requests.requests)
    if found is None:
        return max_count
    limited, each = found
    try:
        limited.enforce(_of_servers(each, max_count))
    except limits.LimitExceeded as error:
        room = min(
            (info.limit - info.used) // each[info.uuid] for info in error.infos
        )
    else:
        return max_count
    # Without room for min_count servers, the error is about these.
    count = max(room, min_count)
    _enforce(limited, _of_servers(each, count))
    return count


def recheck_boot(
    context: nova_context.RequestContext,
    requests: 'objects.InstancePCIRequests',
    count: int,
) -> None:
    """Check the quota of a project again, with booted servers on record.

    Other servers may have been recorded after `check_boot`.

    :param count: number of servers that were recorded
    :raises PciFlavorLimitExceeded: if it is exceeded
    """
    found = _limits_of(context, context.project_id, requests.requests)
    if found is not None:
        recheck(context, context.project_id, _of_servers(found[1], count))


def recheck(
    context: nova_context.RequestContext,
    project_id: str,
    requested: Mapping[str, int],
) -> None:
    """Check the quota of a project again, with the devices on record.

    Others may have been recorded after the first check.

    :param requested: counts that were checked, by the uuids of PCI flavors
    :raises PciFlavorLimitExceeded: if it is exceeded
    """
    if not (CONF.quota.recheck_quota and requested):
        return
    found = limits.get_limits(context, project_id)
    limited = found.limited(requested) if found else None
    if not (found and limited):
        return
    try:
        found.enforce(dict.fromkeys(limited, 0))
    except limits.LimitExceeded as error:
        raise PciFlavorLimitExceeded(
            [
                dataclasses.replace(info, requested=requested[info.uuid])
                for info in error.infos
            ],
            _TOGETHER,
        ) from error


def check_resize(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    requests: 'objects.InstancePCIRequests',
) -> usage.Usage:
    """Check that a server may be resized.

    :param requests: of its new flavor
    :returns: the additional devices that have a limit
    :raises PciFlavorLimitExceeded: if these are too many
    """
    # A server keeps attached devices with any flavor.
    found = _limits_of(
        context,
        instance.project_id,
        [each for each in requests.requests if usage.is_from_flavor(each)],
    )
    if found is None:
        return usage.Usage()
    limited, requested = found
    more = requested - usage.count_boot_devices(instance, limited.counted)
    _enforce(limited, more)
    return more


def check_unshelve(
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
) -> usage.Usage:
    """Check that an offloaded server may be given its devices again.

    :returns: the devices that have a limit
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
) -> usage.Usage:
    """Check that devices may be attached to a server.

    :returns: the devices that have a limit
    :raises PciFlavorLimitExceeded: if not
    """
    found = _limits_of(context, instance.project_id, requests)
    if found is None:
        return usage.Usage()
    _enforce(*found)
    return found[1]


def _limits_of(
    context: nova_context.RequestContext,
    project_id: str,
    requests: 'Sequence[objects.InstancePCIRequest]',
) -> tuple[limits.Limits, usage.Usage] | None:
    """Return the limits of a project, and the requested devices with a limit.

    :returns: None if no requested device has a limit
    """
    found = limits.get_limits(context, project_id) if requests else None
    if found is None:
        return None
    limited = found.limited(counted_flavors.named_by_all(requests))
    requested = usage.upper_bound(context, requests, found.counted)
    with_limit = usage.Usage(
        {uuid: requested[uuid] for uuid in requested.keys() & limited}
    )
    return (found, with_limit) if with_limit else None


def _of_servers(each: usage.Usage, count: int) -> usage.Usage:
    return usage.Usage(
        {uuid: devices * count for uuid, devices in each.items()}
    )


def _enforce(limited: limits.Limits, requested: usage.Usage) -> None:
    if not requested:
        return
    try:
        limited.enforce(requested)
    except limits.LimitExceeded as error:
        raise PciFlavorLimitExceeded(error.infos) from error
