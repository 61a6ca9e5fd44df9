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

"""Live migrations that nova-compute was in the middle of when it ended."""

from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.objects import fields
from oslo_log import log as logging

from pci_ext.compute import nova_compute
from pci_ext.compute import rpcapi

LOG = logging.getLogger(__name__)

#: Of the live migrations that nova-compute ended in the middle of, Nova puts
#: those in error that the hypervisor was at, and leaves the others as they
#: are.
_STATUSES = ['accepted', 'queued', 'preparing', 'running', 'error']


def servers(context: nova_context.RequestContext, host: str) -> set[str]:
    """Give the servers that a destination may have claimed devices for.

    :param host: the one that they were to leave
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
    """Free what is claimed for a server that is still on this host.

    Nova aborts what the hypervisor still does, and takes the task from the
    server; but it forgets what the destination has claimed. A server that has
    the task again is migrated anew.
    """
    migrations = _migrations(context, compute.host, instance_uuid=server_uuid)
    # Read last: it has the task before there is a record of a migration.
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
        LOG.info('%s frees what it claimed', host, instance=instance)
        rpcapi.ComputeAPI().release_claims(
            context, instance, host, migration_id
        )
