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

"""Seam: live migrations that are aborted in the queue of nova-compute.

Nova removes such a migration from the queue, and calls neither its driver nor
the destination, which has claimed devices already.

The method is that of the compute manager of this process, which is known once
its driver is started; no other service has to load it.
"""

from collections.abc import Callable
import functools
from typing import Any

from nova import context as nova_context
from nova import objects
from oslo_log import log as logging

from pci_ext.activation import seam
from pci_ext.compute import nova_compute

LOG = logging.getLogger(__name__)

_METHOD = 'live_migration_abort'

#: Status of a migration that was aborted in the queue.
_CANCELLED = 'cancelled'

Listener = Callable[
    [
        nova_context.RequestContext,
        'objects.Instance',
        'objects.Migration',
    ],
    None,
]


def on_abort(compute: nova_compute.ComputeManager, listener: Listener) -> None:
    """Call a function after a live migration was aborted in the queue.

    :raises SeamChanged: if Nova's method has other parameters than expected
    """
    method: Any = getattr(compute, _METHOD, None)
    seam.check_parameters(
        f'nova.compute.manager.ComputeManager.{_METHOD}',
        ('context', 'instance', 'migration_id'),
        method,
    )
    setattr(compute, _METHOD, functools.partial(_abort, method, listener))


def _abort(
    method: Callable[..., None],
    listener: Listener,
    context: nova_context.RequestContext,
    instance: 'objects.Instance',
    migration_id: int,
) -> None:
    method(context, instance, migration_id)
    try:
        migration = objects.Migration.get_by_id(context, migration_id)
        if migration.status == _CANCELLED:
            listener(context, instance, migration)
    except Exception:
        LOG.exception(
            'The destination does not know that the migration was aborted',
            instance=instance,
        )
