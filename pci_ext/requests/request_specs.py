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

"""Seam: what the scheduler is told of a server that moves."""

from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.compute import api
from nova.compute import instance_actions
from oslo_log import log as logging

from pci_ext.activation import seam
from pci_ext.requests import moves

LOG = logging.getLogger(__name__)


_MOVES = frozenset(
    (
        instance_actions.RESIZE,
        instance_actions.MIGRATE,
        instance_actions.LIVE_MIGRATION,
        instance_actions.EVACUATE,
        instance_actions.UNSHELVE,
    )
)


class API(api.API):
    """Nova's operations that choose a host for a server that has devices.

    nova-api reaches the request spec and the server, which a compute host or
    the conductor of a cell need not. So it is here that the former is made to
    ask for what the latter has, whatever became of it since.
    """

    def resize(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        _count(context, instance)
        with moves.keeping(instance):
            super().resize(context, instance, *args, **kwargs)

    def live_migrate(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        _count(context, instance)
        super().live_migrate(context, instance, *args, **kwargs)

    def evacuate(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        _count(context, instance)
        super().evacuate(context, instance, *args, **kwargs)

    def unshelve(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        _count(context, instance)
        super().unshelve(context, instance, *args, **kwargs)

    def _record_action_start(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        action: str,
    ) -> None:
        """Let a server move with the requests that it has when it is taken.

        An attach or detach may have ended since they were read; none can
        begin now.
        """
        if action in _MOVES and 'pci_requests' in instance:
            instance.pci_requests = (
                objects.InstancePCIRequests.get_by_instance_uuid(
                    instance._context, instance.uuid
                )
            )
            instance.obj_reset_changes(['pci_requests'])
        super()._record_action_start(context, instance, action)


def _count(
    context: nova_context.RequestContext, instance: 'objects.Instance'
) -> None:
    """Let the request spec of a server ask for the devices that it has."""
    if not instance.pci_requests:
        return
    try:
        spec = objects.RequestSpec.get_by_instance_uuid(context, instance.uuid)
    except nova_exception.RequestSpecNotFound:
        # Nova says so to the user, where it needs one.
        return
    before = spec.pci_requests and spec.pci_requests.to_json()
    moves.count(spec, instance)
    if spec.pci_requests.to_json() != before:
        LOG.info(
            'The request spec is made to ask for the PCI devices that the '
            'server has',
            instance=instance,
        )
        spec.save()


SEAM = seam.Seam(
    module='nova.compute.api',
    name='API',
    replacement=API,
    signatures={
        'resize': (
            'self',
            'context',
            'instance',
            'flavor_id',
            'clean_shutdown',
            'host_name',
            'auto_disk_config',
        ),
        'live_migrate': (
            'self',
            'context',
            'instance',
            'block_migration',
            'disk_over_commit',
            'host_name',
            'force',
            'async_',
        ),
        'evacuate': (
            'self',
            'context',
            'instance',
            'host',
            'on_shared_storage',
            'admin_password',
            'force',
            'target_state',
        ),
        'unshelve': ('self', 'context', 'instance', 'new_az', 'host'),
        '_record_action_start': ('self', 'context', 'instance', 'action'),
    },
)
