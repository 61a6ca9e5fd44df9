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

"""Seam: whether nova-conductor begins a live migration.

Nova begins one only if all devices can be migrated by the hypervisor. Where a
PCI flavor says that devices are detached before, or asks for less in any other
way, the host of the server decides by the devices that the server has.
"""

from typing import Any

from nova import exception as nova_exception
from nova import objects
from nova.conductor import manager
from nova.conductor.tasks import live_migrate

from pci_ext.activation import seam
from pci_ext.i18n import _
from pci_ext.matching import compiled_requests
from pci_ext.requests import live_migration_policy
from pci_ext.requests import reschedule


def _is_left_to_the_host(request: 'objects.InstancePCIRequest') -> bool:
    return (
        request.source != objects.InstancePCIRequest.NEUTRON_PORT
        and compiled_requests.is_by_pci_flavor(request.spec)
        and any(
            policy != live_migration_policy.FORBID
            for policy in live_migration_policy.policies_of(request)
        )
    )


class LiveMigrationTask(live_migrate.LiveMigrationTask):
    """Nova's task, for servers with devices by PCI flavor too."""

    instance: Any

    def _check_can_migrate_pci(self, src_host: str, dest_host: str) -> None:
        """Check all requests but those that the host decides about.

        :raises nova.exception.MigrationPreCheckError: if one forbids it
        """
        whole = self.instance
        if whole.pci_requests is None:
            return
        # A copy: what is taken out of it must never be saved.
        self.instance = whole.obj_clone()
        self.instance.pci_requests = objects.InstancePCIRequests(
            instance_uuid=whole.uuid,
            requests=[
                request
                for request in whole.pci_requests.requests
                if not _is_left_to_the_host(request)
            ],
        )
        try:
            super()._check_can_migrate_pci(src_host, dest_host)
        finally:
            self.instance = whole

    def _call_livem_checks_on_host(
        self, destination: str, provider_mapping: dict[str, Any]
    ) -> None:
        """Let the destination claim what the server needs.

        :raises nova.exception.MigrationPreCheckError: if it cannot; for Nova,
            devices that somebody else was faster to claim are a failure that
            leaves the server in error
        """
        try:
            super()._call_livem_checks_on_host(destination, provider_mapping)
        except nova_exception.PciDeviceRequestFailed as error:
            raise nova_exception.MigrationPreCheckError(
                reason=_('%s has not the PCI devices that the server needs.')
                % destination
            ) from error


class ComputeTaskManager(reschedule.Reasons, manager.ComputeTaskManager):
    """Nova's maker of tasks, and who tells why one failed."""

    def _build_live_migrate_task(
        self, *args: Any, **kwargs: Any
    ) -> LiveMigrationTask:
        task: Any = super()._build_live_migrate_task(*args, **kwargs)
        # The class of the task cannot be replaced where Nova has it: its
        # constructor looks itself up by that name, and would find ours.
        task.__class__ = LiveMigrationTask
        return task


#: What is derived from, but stays where it is.
_TASK = seam.Seam(
    module='nova.conductor.tasks.live_migrate',
    name='LiveMigrationTask',
    replacement=None,
    signatures={
        '_check_can_migrate_pci': ('self', 'src_host', 'dest_host'),
        '_call_livem_checks_on_host': (
            'self',
            'destination',
            'provider_mapping',
        ),
    },
)


class _Seam(seam.Seam):
    """Checks the class of the task, too."""

    def check(self) -> None:
        super().check()
        _TASK.check()


SEAM = _Seam(
    module='nova.conductor.manager',
    name='ComputeTaskManager',
    replacement=ComputeTaskManager,
    signatures={
        '_build_live_migrate_task': (
            'self',
            'context',
            'instance',
            'destination',
            'block_migration',
            'disk_over_commit',
            'migration',
            'request_spec',
        ),
        'build_instances': (
            'self',
            'context',
            'instances',
            'image',
            'filter_properties',
            'admin_password',
            'injected_files',
            'requested_networks',
            'security_groups',
            'block_device_mapping',
            'legacy_bdm',
            'request_spec',
            'host_lists',
        ),
        '_cleanup_when_reschedule_fails': (
            'self',
            'context',
            'instance',
            'exception',
            'legacy_request_spec',
            'requested_networks',
        ),
    },
)
