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

"""Seam: the compute API of Nova, where it checks its quotas.

Nothing of Nova is replaced: the controller of servers is given this instead of
Nova's. It asks for a quota of PCI flavors wherever Nova asks for its own, and
once more when the servers are on record.
"""

import inspect
from typing import Any
from typing import Protocol

from nova import context as nova_context
from nova import objects
from nova.compute import api
from nova.pci import request

from pci_ext import exception
from pci_ext.integration import kept
from pci_ext.integration import moves

#: The parameters that methods of Nova's are expected to begin with.
_SIGNATURES = {
    '_provision_instances': (
        'self',
        'context',
        'flavor',
        'min_count',
        'max_count',
        'base_options',
    ),
    '_check_quota_for_upsize': (
        'context',
        'instance',
        'current_flavor',
        'new_flavor',
        'is_bfv',
        'is_revert',
    ),
    '_cleanup_build_artifacts': ('instances', 'instances_to_build'),
}


class Quota(Protocol):
    """What this asks; its methods raise nova.exception.OverQuota."""

    def check_boot(
        self,
        context: nova_context.RequestContext,
        requests: 'objects.InstancePCIRequests',
        min_count: int,
        max_count: int,
    ) -> int: ...

    def recheck_boot(
        self,
        context: nova_context.RequestContext,
        requests: 'objects.InstancePCIRequests',
        count: int,
    ) -> None: ...

    def check_resize(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        requests: 'objects.InstancePCIRequests',
    ) -> None: ...


class API(moves.API):
    """Nova's, with a quota of PCI flavors.

    :raises SeamChanged: if Nova's is not what this was written against
    """

    def __init__(self, quota: Quota) -> None:
        for name, expected in _SIGNATURES.items():
            _check_shape(name, expected)
        super().__init__()
        self._pci_quota = quota

    def _provision_instances(
        self,
        context: nova_context.RequestContext,
        flavor: 'objects.Flavor',
        min_count: int,
        max_count: int,
        base_options: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        requests = base_options['pci_requests']
        max_count = self._pci_quota.check_boot(
            context, requests, min_count, max_count
        )
        recorded = super()._provision_instances(
            context,
            flavor,
            min_count,
            max_count,
            base_options,
            *args,
            **kwargs,
        )
        try:
            self._pci_quota.recheck_boot(context, requests, len(recorded))
        except Exception:
            self._cleanup_build_artifacts(None, recorded)
            raise
        return recorded

    def _check_quota_for_upsize(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        current_flavor: 'objects.Flavor',
        new_flavor: 'objects.Flavor',
        is_bfv: bool,
        is_revert: bool,
    ) -> None:
        super()._check_quota_for_upsize(
            context,
            instance,
            current_flavor,
            new_flavor,
            is_bfv,
            is_revert,
        )
        # A revert frees what the resize has taken.
        if not is_revert:
            requests = request.get_pci_requests_from_flavor(new_flavor)
            # What was attached the server keeps, and is charged for already.
            requests.requests = [
                each
                for each in requests.requests
                if each.requester_id != kept.HOT
            ]
            self._pci_quota.check_resize(context, instance, requests)


def _check_shape(name: str, expected: tuple[str, ...]) -> None:
    found = tuple(inspect.signature(getattr(api.API, name)).parameters)
    if found[: len(expected)] != expected:
        raise exception.SeamChanged(
            seam=f'nova.compute.api.API.{name}',
            expected=f'callable with ({", ".join(expected)})',
            found=f'callable with ({", ".join(found)})',
        )
