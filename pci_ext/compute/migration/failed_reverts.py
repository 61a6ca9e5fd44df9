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

"""A resize or cold migration whose revert failed on the source."""

from nova import objects


def forget_move(instance: 'objects.Instance', host: str) -> None:
    """Drop the migration context of a server that is back on its source.

    Nova keeps it if the guest cannot be started there. It would apply it when
    it rebuilds the server: the server would have the requests and the devices
    of the host that it left.

    :param host: where the server is rebuilt
    """
    if instance.migration_context is None:
        return
    move = objects.Migration.get_by_id(
        instance._context.elevated(), instance.migration_context.migration_id
    )
    if move.source_compute == host != move.dest_compute:
        instance.drop_migration_context()
