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

Nothing of Nova is replaced: the controllers are given this instead of Nova's.
It asks for a quota of PCI flavors wherever Nova asks for its own, and once
more when what is asked for is on record.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import contextvars
from typing import Any
from typing import Protocol

from nova import context as nova_context
from nova import objects
from nova.compute import api
from nova.compute import instance_actions
from nova.pci import request
from oslo_utils import excutils

from pci_ext import server_state
from pci_ext.activation import seam
from pci_ext.requests import request_specs

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
    '_check_quota_unshelve_offloaded': ('context', 'instance', 'request_spec'),
    '_record_action_start': ('self', 'context', 'instance', 'action'),
}

#: The actions that begin with a task state, and then are recorded; by whether
#: a host records only later what they take.
_BEGIN = {
    instance_actions.RESIZE: True,
    instance_actions.MIGRATE: True,
    instance_actions.UNSHELVE: False,
}

#: Devices by the names of PCI flavors.
Devices = Mapping[str, int]

#: What the action that goes on in this thread asks for.
_asked: contextvars.ContextVar[Devices | None] = contextvars.ContextVar(
    'pci_ext_asked', default=None
)


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    token = _asked.set(None)
    try:
        yield
    finally:
        _asked.reset(token)


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
    ) -> Devices: ...

    def check_unshelve(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
    ) -> Devices: ...

    def recheck(
        self,
        context: nova_context.RequestContext,
        project_id: str,
        asked: Devices,
    ) -> None: ...


class API(request_specs.API):
    """Nova's, with a quota of PCI flavors.

    :raises SeamChanged: if Nova's is not what this was written against
    """

    def __init__(self, quota: Quota) -> None:
        _check_shape()
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
                if each.requester_id != server_state.HOT_ATTACHED
            ]
            _asked.set(
                self._pci_quota.check_resize(context, instance, requests)
            )

    def _check_quota_unshelve_offloaded(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        request_spec: 'objects.RequestSpec',
    ) -> None:
        super()._check_quota_unshelve_offloaded(
            context, instance, request_spec
        )
        _asked.set(self._pci_quota.check_unshelve(context, instance))

    def resize(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        with _asking():
            super().resize(context, instance, *args, **kwargs)

    def unshelve(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        with _asking():
            super().unshelve(context, instance, *args, **kwargs)

    def _record_action_start(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        action: str,
    ) -> None:
        if action in _BEGIN:
            self._recheck(context, instance, _BEGIN[action])
        super()._record_action_start(context, instance, action)

    def _recheck(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        note: bool,
    ) -> None:
        """See whether a server that was taken may have what it asks for.

        :raises nova.exception.OverQuota: if not; it is given back
        """
        devices = _asked.get() or {}
        task_state = instance.task_state
        if note and server_state.reserve(instance, devices):
            # Only now nobody else writes these.
            instance.refresh()
            server_state.reserve(instance, devices)
            instance.save(expected_task_state=[task_state])
        try:
            self._pci_quota.recheck(context, instance.project_id, devices)
        except Exception:
            with excutils.save_and_reraise_exception():
                instance.task_state = None
                server_state.release_reservation(instance)
                instance.save(expected_task_state=[task_state])


def _check_shape() -> None:
    for name, expected in _SIGNATURES.items():
        seam.check_parameters(
            f'nova.compute.api.API.{name}',
            expected,
            getattr(api.API, name, None),
            leading=True,
        )
