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

"""The hooks of pci_ext in the live migration of a driver."""

from typing import Any

from nova import context as nova_context
from nova import objects
from oslo_log import log as logging
from oslo_utils import excutils

from pci_ext.compute import manager
from pci_ext.compute import nova_compute
from pci_ext.compute import rpcapi
from pci_ext.compute.migration import aborts
from pci_ext.compute.migration import destination
from pci_ext.compute.migration import source

LOG = logging.getLogger(__name__)


class LiveMigrationMixin:
    """To be mixed in before a driver class of Nova.

    The methods are in the order in which Nova calls them, at the destination
    and at the source in turn.
    """

    virtapi: Any
    _pci_manager: manager.Manager | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._source_migrations: dict[str, source.SourceMigration] = {}

    def init_host(self, host: str) -> None:
        """Listen for migrations that are aborted before they begin.

        :raises SeamChanged: if Nova's compute manager is not as expected
        """
        super().init_host(host)  # type: ignore[misc]
        compute = getattr(self.virtapi, '_compute', None)
        if compute is not None:
            aborts.on_abort(compute, self._release_claims)

    @property
    def _compute(self) -> nova_compute.ComputeManager:
        return self.virtapi._compute

    def check_can_live_migrate_destination(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """At the destination, before devices are claimed."""
        # Nova keeps that of a resize that failed, and applies it when the
        # guest arrives: the server would lose the requests of its devices.
        instance.drop_migration_context()
        destination.release_claims(self._compute, context, instance)
        return super().check_can_live_migrate_destination(  # type: ignore[misc]
            context, instance, *args, **kwargs
        )

    def check_can_live_migrate_source(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """At the source, before devices are claimed."""
        source.SourceMigration(self._compute, context, instance.uuid).check()
        return super().check_can_live_migrate_source(  # type: ignore[misc]
            context, instance, *args, **kwargs
        )

    def check_source_migrate_data_at_dest(
        self,
        ctxt: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """At the destination, after devices are claimed."""
        with destination.verified_claims(self._compute, ctxt, instance):
            return super().check_source_migrate_data_at_dest(  # type: ignore[misc]
                ctxt, instance, *args, **kwargs
            )

    def pre_live_migration(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """At the destination, when the migration has begun."""
        with destination.verified_claims(self._compute, context, instance):
            return super().pre_live_migration(  # type: ignore[misc]
                context, instance, *args, **kwargs
            )

    def live_migration(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        dest: str,
        post_method: Any,
        recover_method: Any,
        block_migration: bool = False,
        migrate_data: Any = None,
    ) -> None:
        """At the source: detach, then let the hypervisor migrate the guest.

        Nova writes the domain for the destination after the detach.
        """
        migration = source.SourceMigration(
            self._compute, context, instance.uuid
        )
        self._source_migrations[instance.uuid] = migration
        try:
            if not migration.detach():
                recover_method(
                    context,
                    instance,
                    dest,
                    migrate_data,
                    migration_status='cancelled',
                )
                return
            migration.drop_hotplugged(migrate_data)
            super().live_migration(  # type: ignore[misc]
                context,
                instance,
                dest,
                post_method,
                recover_method,
                block_migration,
                migrate_data,
            )
        except Exception:
            with excutils.save_and_reraise_exception():
                # The guest may be on either host.
                self._retry_reattach(context, instance, dest)
        finally:
            del self._source_migrations[instance.uuid]

    def _retry_reattach(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        dest: str,
    ) -> None:
        try:
            self._pci_manager.retry_reattach(  # type: ignore[union-attr]
                context, instance
            )
            rpcapi.ComputeAPI().retry_reattach(context, instance, dest)
        except Exception:
            LOG.exception(
                'Giving up reattaching PCI devices', instance=instance
            )

    def live_migration_abort(self, instance: 'objects.Instance') -> None:
        """At the source."""
        migration = self._source_migrations.get(instance.uuid)
        if migration is None or not migration.abort():
            super().live_migration_abort(instance)  # type: ignore[misc]

    def rollback_live_migration_at_source(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migrate_data: Any,
    ) -> None:
        """At the source, after a failure: reattach the devices.

        Nova attaches the interfaces that it detached before the transfer.
        libvirt refuses those that were never detached.
        """
        migration = self._source_migrations.get(instance.uuid)
        try:
            if migration is not None and migration.is_ready:
                super().rollback_live_migration_at_source(  # type: ignore[misc]
                    context, instance, migrate_data
                )
        finally:
            if self._pci_manager is not None:
                self._pci_manager.reattach(context, instance.uuid)
            self._release_claims(context, instance, migrate_data.migration)

    def _release_claims(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migration: 'objects.Migration',
    ) -> None:
        """Let the destination of a failed migration free its claims."""
        try:
            rpcapi.ComputeAPI().release_claims(
                context, instance, migration.dest_compute, migration.id
            )
        except Exception:
            LOG.exception(
                'The destination frees the claimed devices with its next '
                'periodic scan only',
                instance=instance,
            )

    def post_live_migration_at_destination(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """At the destination, with the guest running there: reattach."""
        super().post_live_migration_at_destination(  # type: ignore[misc]
            context, instance, *args, **kwargs
        )
        if self._pci_manager is not None:
            self._pci_manager.reattach(context, instance.uuid)
            self._pci_manager.workers.report_pools(instance)
