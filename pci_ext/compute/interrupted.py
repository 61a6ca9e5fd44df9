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

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.objects import fields
from oslo_log import log as logging

from pci_ext.compute import rpcapi

LOG = logging.getLogger(__name__)

#: Nova has put them into error, if it has got so far.
_STATUSES = ['accepted', 'queued', 'preparing', 'running', 'error']


def release_claims(
    compute: Any,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
) -> None:
    """Free what is claimed for a server that is still on this host.

    Nova aborts what the hypervisor still does, and ends the records of these
    migrations in error; but it forgets what the destination has claimed.
    """
    migrations = objects.MigrationList.get_by_filters(
        context,
        {
            'instance_uuid': instance.uuid,
            'source_compute': compute.host,
            'migration_type': fields.MigrationType.LIVE_MIGRATION,
            'status': _STATUSES,
        },
    )
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
