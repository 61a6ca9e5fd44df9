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

"""Live migrations that were interrupted by the end of nova-compute."""

from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.objects import fields
from oslo_log import log as logging

from pci_ext.compute import nova_compute
from pci_ext.compute import rpcapi

LOG = logging.getLogger(__name__)

#: Statuses of interrupted live migrations. Nova sets `error` for those whose
#: guest was being transferred, and leaves the others as they are.
_STATUSES = ['accepted', 'queued', 'preparing', 'running', 'error']


def find_servers(context: nova_context.RequestContext, host: str) -> set[str]:
    """Return the servers for which a destination may have claimed devices.

    :param host: the source host
    """
    return {each.instance_uuid for each in _migrations(context, host)}


def _migrations(
    context: nova_context.RequestContext, host: str, **filters: str
) -> 'objects.MigrationList':
    return objects.MigrationList.get_by_filters(
        context,
        {
            'source_compute': host,
            'migration_type': fields.MigrationType.LIVE_MIGRATION,
            'status': _STATUSES,
            **filters,
        },
    )


def release_claims(
    compute: nova_compute.ComputeManager,
    context: nova_context.RequestContext,
    server_uuid: str,
) -> None:
    """Let destinations free the devices claimed for a server on this host.

    Nova aborts the transfer and clears the task state, but leaves the claims
    of the destination. A server that has the task state again is in a new
    migration.
    """
    migrations = _migrations(context, compute.host, instance_uuid=server_uuid)
    # Read last: the task state is set before the migration is recorded.
    instance = objects.Instance.get_by_uuid(context, server_uuid)
    if (
        instance.host != compute.host
        or instance.task_state == task_states.MIGRATING
    ):
        return
    last = {
        migration.dest_compute: migration.id
        for migration in sorted(migrations, key=lambda each: each.id)
        if migration.dest_compute not in (None, compute.host)
    }
    for host, migration_id in last.items():
        LOG.info(
            'Letting %s free the devices of an interrupted live migration',
            host,
            instance=instance,
        )
        rpcapi.ComputeAPI().release_claims(
            context, instance, host, migration_id
        )
