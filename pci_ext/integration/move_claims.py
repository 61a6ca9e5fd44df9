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

"""Seam: the claim of a host on the devices of a server that moves to it."""

from typing import Any

from nova import objects
from nova.compute import claims
from nova.compute import resource_tracker

from pci_ext.integration import kept
from pci_ext.integration import shape


class ResourceTracker(resource_tracker.ResourceTracker):
    """Nova's tracker, which claims what was attached to a server too.

    What it records of a move, the requests and devices of both sides, is made
    of the same requests: confirm and revert need nothing more.
    """

    def _move_claim(
        self,
        context: Any,
        instance: 'objects.Instance',
        new_flavor: 'objects.Flavor',
        nodename: str,
        migration: 'objects.Migration | None',
        allocations: Any,
        **kwargs: Any,
    ) -> claims.MoveClaim:
        alive = bool(migration and migration.is_live_migration)
        with kept.keeping(instance, alive):
            return super()._move_claim(
                context,
                instance,
                new_flavor,
                nodename,
                migration,
                allocations,
                **kwargs,
            )


SEAM = shape.Seam(
    module='nova.compute.resource_tracker',
    name='ResourceTracker',
    replacement=ResourceTracker,
    signatures={
        '__init__': ('self', 'host', 'driver', 'reportclient'),
        '_move_claim': (
            'self',
            'context',
            'instance',
            'new_flavor',
            'nodename',
            'migration',
            'allocations',
            'move_type',
            'image_meta',
            'limits',
        ),
    },
)
