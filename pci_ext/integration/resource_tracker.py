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

"""Seam: what a compute host counts: its devices, and who moves to it."""

from typing import Any

from nova import objects
from nova.compute import claims
from nova.compute import resource_tracker

from pci_ext.integration import kept
from pci_ext.integration import shape

_DEVICES = 'pci_passthrough_devices'


class ResourceTracker(resource_tracker.ResourceTracker):
    """Nova's tracker, which goes on looking at the devices of its host.

    It claims what was attached to a server too. What it records of a move,
    the requests and devices of both sides, is made of the same requests:
    confirm and revert need nothing more.
    """

    def _setup_pci_tracker(
        self,
        context: Any,
        compute_node: 'objects.ComputeNode',
        resources: dict[str, Any],
    ) -> None:
        """Look at the devices, if there is anything new to be seen.

        Nova does so when nova-compute starts, and calls this at each scan.
        """
        is_first = self.pci_tracker is None
        super()._setup_pci_tracker(context, compute_node, resources)
        if not is_first and _DEVICES in resources:
            self.pci_tracker.rescan(resources.pop(_DEVICES))
            compute_node.pci_device_pools = (
                self.pci_tracker.stats.to_device_pools_obj()
            )

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
            claim = super()._move_claim(
                context,
                instance,
                new_flavor,
                nodename,
                migration,
                allocations,
                **kwargs,
            )
        if not alive:
            kept.forget_asked_for(instance)
        return claim


SEAM = shape.Seam(
    module='nova.compute.resource_tracker',
    name='ResourceTracker',
    replacement=ResourceTracker,
    signatures={
        '__init__': ('self', 'host', 'driver', 'reportclient'),
        '_setup_pci_tracker': ('self', 'context', 'compute_node', 'resources'),
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
