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

"""Seam: live migrations and rescheduled builds in nova-conductor.

Nova begins a live migration only if the hypervisor can migrate all devices.
Where a PCI flavor has another policy, the host of the server decides by the
devices that the server has.

When no host could build a server, Nova tells users the reason of the last
host only if the attempts are used up, and not if the hosts are. A device that
cannot be given to a guest, because of its IOMMU group for example, is offered
by few hosts, so mostly the hosts are used up. The reason is added then.
"""

from collections.abc import Sequence
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.conductor import manager
from nova.conductor.tasks import live_migrate

from pci_ext.activation import seam
from pci_ext.i18n import _
from pci_ext.matching import compiled_requests
from pci_ext.requests import call_arguments
from pci_ext.requests import instance_requests
from pci_ext.requests import live_migration_policy


def _is_decided_by_host(request: 'objects.InstancePCIRequest') -> bool:
    return (
        not instance_requests.is_for_port(request)
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
        """Check all requests except those that the host decides about.

        :raises nova.exception.MigrationPreCheckError: if a request forbids
            live migration
        """
        whole = self.instance
        if whole.pci_requests is None:
            return
        # A copy, because the requests that are left out must stay saved.
        self.instance = whole.obj_clone()
        self.instance.pci_requests = objects.InstancePCIRequests(
            instance_uuid=whole.uuid,
            requests=[
                request
                for request in whole.pci_requests.requests
                if not _is_decided_by_host(request)
            ],
        )
        try:
            super()._check_can_migrate_pci(src_host, dest_host)
        finally:
            self.instance = whole

    def _call_livem_checks_on_host(
        self, destination: str, provider_mapping: dict[str, Any]
    ) -> None:
        """Let the destination claim the devices of the server.

        :raises nova.exception.MigrationPreCheckError: if the claim fails;
            with Nova's PciDeviceRequestFailed, after another server was
            faster to claim the devices, the server would be left in error
        """
        try:
            super()._call_livem_checks_on_host(destination, provider_mapping)
        except nova_exception.PciDeviceRequestFailed as error:
            raise nova_exception.MigrationPreCheckError(
                reason=_(
                    '%s does not have the PCI devices that the server needs.'
                )
                % destination
            ) from error


def _requests_pci_flavors(instance: 'objects.Instance') -> bool:
    return any(
        compiled_requests.is_by_pci_flavor(request.spec)
        for request in instance_requests.list_requests(instance)
    )


class ComputeTaskManager(manager.ComputeTaskManager):
    """Nova's conductor, with our live migrations and reasons of failures."""

    def build_instances(
        self,
        context: nova_context.RequestContext,
        instances: 'Sequence[objects.Instance]',
        image: Any,
        filter_properties: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        reason = (filter_properties.get('retry') or {}).get('exc_reason')
        with call_arguments.passing(last_reason=reason):
            super().build_instances(
                context, instances, image, filter_properties, *args, **kwargs
            )

    def _cleanup_when_reschedule_fails(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        exception: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        reason = call_arguments.current().last_reason
        if (
            reason
            and type(exception) is nova_exception.MaxRetriesExceeded
            and _requests_pci_flavors(instance)
            and reason not in exception.kwargs['reason']
        ):
            # Nova's own wording of the reason.
            exception = nova_exception.MaxRetriesExceeded(
                reason=f'{exception.kwargs["reason"]} Last exception: {reason}'
            )
        super()._cleanup_when_reschedule_fails(
            context, instance, exception, *args, **kwargs
        )

    def _build_live_migrate_task(
        self, *args: Any, **kwargs: Any
    ) -> LiveMigrationTask:
        task: Any = super()._build_live_migrate_task(*args, **kwargs)
        # The class cannot be replaced in Nova's module: its constructor calls
        # super() with the name of the class, and would find ours.
        task.__class__ = LiveMigrationTask
        return task


#: Checked only: the class that LiveMigrationTask derives from.
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
    """A seam that also checks the class of the task."""

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
