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

"""The limits of a project: devices by PCI flavor.

Where Nova uses unified limits, the limit of a PCI flavor is registered with
keystone for the compute service, as ``pci_flavor:NAME``, with the name that it
has now. Elsewhere it is kept with the PCI flavor. A PCI flavor without a limit
is unlimited.
"""

import abc
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import quota
from nova.limit import utils as limit_utils
from oslo_config import cfg
from oslo_limit import exception as limit_exception
from oslo_limit import limit as oslo_limit
from oslo_log import log as logging

from pci_ext import exception
from pci_ext.api.quota import counted_flavors
from pci_ext.api.quota import usage
from pci_ext.db import pci_flavor_limits as db
from pci_ext.db import pci_flavors
from pci_ext.i18n import _
from pci_ext.objects import pci_flavor

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Begins the name of a registered limit; the name of a PCI flavor follows.
RESOURCE = 'pci_flavor:'

_NO_QUOTA = f'{quota.NoopQuotaDriver.__module__}.NoopQuotaDriver'


@dataclasses.dataclass(frozen=True)
class LimitExceededInfo:
    """A limit that would be exceeded.

    :ivar uuid: of the PCI flavor
    :ivar name: its name now
    :ivar used: devices that the project has
    :ivar requested: devices that are requested
    """

    uuid: str
    name: str
    limit: int
    used: int
    requested: int


class LimitExceeded(exception.PciExtException):
    """Limits would be exceeded; users see PciFlavorLimitExceeded."""

    msg_fmt = _('Limits of PCI flavors would be exceeded.')

    def __init__(self, infos: Sequence[LimitExceededInfo]) -> None:
        super().__init__()
        self.infos = sorted(infos, key=lambda info: info.name)


class Limits(abc.ABC):
    """The limits of one project.

    :param context: of the request to the API
    :param project_id: of the project
    """

    def __init__(
        self, context: nova_context.RequestContext, project_id: str
    ) -> None:
        self.context = context
        self.project_id = project_id
        #: Those with a limit, as `limited` has found them.
        self.counted = counted_flavors.CountedFlavors(())

    @abc.abstractmethod
    def get(self, uuids: Collection[str]) -> dict[str, int]:
        """Return the limits of some PCI flavors, by uuid.

        PCI flavors without a limit are missing; others may be unlimited.
        """

    def limited(self, uuids: Collection[str] | None) -> frozenset[str]:
        """Return the PCI flavors that have a limit, by uuid.

        :param uuids: only some of these; None for all
        """
        flavors = self._find_limited(uuids)
        self.counted = counted_flavors.CountedFlavors(flavors)
        return frozenset(flavor.uuid for flavor in flavors)

    @abc.abstractmethod
    def _find_limited(
        self, uuids: Collection[str] | None
    ) -> list[pci_flavor.PciFlavor]:
        """Find the PCI flavors that have a limit."""

    @abc.abstractmethod
    def enforce(self, requested: Mapping[str, int]) -> None:
        """Check that a project may have more devices.

        :param requested: counts by the uuids of PCI flavors that `limited`
            has found
        :raises LimitExceeded: if it may not
        """


class OwnLimits(Limits):
    """Limits in the database of PCI flavors."""

    def __init__(
        self, context: nova_context.RequestContext, project_id: str
    ) -> None:
        super().__init__(context, project_id)
        self._used: usage.Usage | None = None

    def get(self, uuids: Collection[str]) -> dict[str, int]:
        limits = db.get_for_project(uuids, self.project_id)
        return {uuid: limit.devices for uuid, limit in limits.items()}

    def _find_limited(
        self, uuids: Collection[str] | None
    ) -> list[pci_flavor.PciFlavor]:
        limits = db.get_for_project(uuids, self.project_id)
        return pci_flavors.get_by_uuids(limits)

    def enforce(self, requested: Mapping[str, int]) -> None:
        limits = db.get_for_project(requested, self.project_id)
        if limits and self._used is None:
            self._used = usage.count_project(
                self.context, self.project_id, self.counted
            )
        infos = [
            LimitExceededInfo(
                uuid,
                limit.name,
                limit.devices,
                self._used[uuid],
                requested[uuid],
            )
            for uuid, limit in limits.items()
            if self._used is not None
            and self._used[uuid] + requested[uuid] > limit.devices
        ]
        if infos:
            raise LimitExceeded(infos)


class UnifiedLimits(Limits):
    """Limits registered with keystone, enforced by oslo.limit.

    :raises nova.exception.KeystoneConnectionFailed: if keystone cannot be
        reached, as in Nova
    """

    def __init__(
        self, context: nova_context.RequestContext, project_id: str
    ) -> None:
        super().__init__(context, project_id)
        self._used: dict[str | None, usage.Usage] = {}
        self._uuids: dict[str, str] = {}
        try:
            self._enforcer = oslo_limit.Enforcer(self._usage)
        except limit_exception.SessionInitError as error:
            LOG.error('Limits of PCI flavors are not known: %s', error)
            raise nova_exception.KeystoneConnectionFailed(
                _('Failed to connect to keystone for limits of PCI flavors.')
            ) from error

    def get(self, uuids: Collection[str]) -> dict[str, int]:
        self.limited(uuids)
        return {
            self._uuids[resource]: limit
            for resource, limit in self._enforcer.get_project_limits(
                self.project_id, list(self._uuids)
            )
        }

    def _find_limited(
        self, uuids: Collection[str] | None
    ) -> list[pci_flavor.PciFlavor]:
        # To oslo.limit a limit that is not registered is 0. None returns
        # all registered limits, though its annotation excludes it.
        enforcer: Any = self._enforcer
        names = [
            resource.removeprefix(RESOURCE)
            for resource, _limit in enforcer.get_registered_limits(None)
            if resource.startswith(RESOURCE)
        ]
        flavors = [
            flavor
            for flavor in pci_flavors.get_by_names(names)
            if uuids is None or flavor.uuid in uuids
        ]
        self._uuids = {
            f'{RESOURCE}{flavor.name}': flavor.uuid for flavor in flavors
        }
        return flavors

    def enforce(self, requested: Mapping[str, int]) -> None:
        try:
            self._enforcer.enforce(
                self.project_id,
                {
                    resource: requested[uuid]
                    for resource, uuid in self._uuids.items()
                    if uuid in requested
                },
            )
        except limit_exception.ProjectOverLimit as error:
            raise LimitExceeded(
                [
                    LimitExceededInfo(
                        self._uuids[info.resource_name],
                        info.resource_name.removeprefix(RESOURCE),
                        info.limit,
                        info.current_usage,
                        info.delta,
                    )
                    for info in error.over_limit_info_list
                ]
            ) from error

    def _usage(
        self, project_id: str | None, resource_names: Collection[str]
    ) -> dict[str, int]:
        """Count the usage of a project, once; called by oslo.limit."""
        if project_id not in self._used:
            self._used[project_id] = usage.count_project(
                self.context, project_id or self.project_id, self.counted
            )
        return {
            resource: self._used[project_id][self._uuids[resource]]
            for resource in resource_names
        }


def get_limits(
    context: nova_context.RequestContext, project_id: str
) -> Limits | None:
    """Return the limits of a project.

    :returns: None if quotas are off in Nova
    """
    if CONF.quota.driver == _NO_QUOTA:
        return None
    if limit_utils.use_unified_limits():
        return UnifiedLimits(context, project_id)
    return OwnLimits(context, project_id)
