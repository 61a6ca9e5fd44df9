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

"""Moves whose migration context Nova has kept."""

from nova import objects
from nova.objects import fields


def drop(instance: 'objects.Instance', host: str) -> None:
    """Drop the migration context of a move that is over.

    Nova keeps it if a resize or cold migration fails on the source, for
    instance as the disk of the new flavor is too small, or is reverted and the
    guest cannot be started there; and if nova-compute is killed just after it
    has recorded the new host of an evacuated server. It would apply it when it
    rebuilds the server: the guest would have the requests and the devices of
    the move.

    :param host: where the server is rebuilt
    """
    if instance.migration_context is None:
        return
    move = objects.Migration.get_by_id(
        instance._context.elevated(), instance.migration_context.migration_id
    )
    # The source may be the destination, too.
    is_back = move.source_compute == host
    is_evacuated = (
        move.migration_type == fields.MigrationType.EVACUATION
        and instance.host == host
    )
    if is_back or is_evacuated:
        instance.drop_migration_context()
