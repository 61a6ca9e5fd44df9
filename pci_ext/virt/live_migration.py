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

"""Live migration as a driver sees it: what is done about PCI devices when."""

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
        self._departures: dict[str, source.Departure] = {}

    def init_host(self, host: str) -> None:
        """Learn of the migrations that are aborted before they begin.

        :raises SeamChanged: if Nova's compute manager is not as expected
        """
        super().init_host(host)  # type: ignore[misc]
        compute = getattr(self.virtapi, '_compute', None)
        if compute is not None:
            aborts.tell(compute, self._let_go)

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
        """At the destination, before anything is claimed."""
        destination.forget(self._compute, context, instance)
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
        """At the source, before anything is claimed."""
        source.Departure(self._compute, context, instance.uuid).check()
        return super().check_can_live_migrate_source(  # type: ignore[misc]
            context, instance, *args, **kwargs
        )

    def check_source_migrate_data_at_dest(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """At the destination, with everything claimed."""
        with destination.expected(self._compute, context, instance):
            return super().check_source_migrate_data_at_dest(  # type: ignore[misc]
                context, instance, *args, **kwargs
            )

    def pre_live_migration(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """At the destination, when the migration has begun."""
        with destination.expected(self._compute, context, instance):
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
        """At the source: detach, and let the hypervisor migrate the guest.

        The domain is described for the destination after that.
        """
        leaving = source.Departure(self._compute, context, instance.uuid)
        self._departures[instance.uuid] = leaving
        try:
            if not leaving.detach():
                recover_method(
                    context,
                    instance,
                    dest,
                    migrate_data,
                    migration_status='cancelled',
                )
                return
            leaving.strip(migrate_data)
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
                # The guest may be anywhere by now.
                self._attach_again(context, instance, dest)
        finally:
            del self._departures[instance.uuid]

    def _attach_again(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        dest: str,
    ) -> None:
        try:
            self._pci_manager.attach_again(  # type: ignore[union-attr]
                context, instance
            )
            rpcapi.ComputeAPI().attach_again(context, instance, dest)
        except Exception:
            LOG.exception(
                'Nobody attaches PCI devices again now', instance=instance
            )

    def live_migration_abort(self, instance: 'objects.Instance') -> None:
        """At the source."""
        leaving = self._departures.get(instance.uuid)
        if leaving is None or not leaving.abort():
            super().live_migration_abort(instance)  # type: ignore[misc]

    def rollback_live_migration_at_source(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migrate_data: Any,
    ) -> None:
        """At the source, after a failure: the guest gets its devices back.

        Nova attaches the interfaces again that it took out of the guest to
        transfer it. libvirt refuses those that were never taken out.
        """
        leaving = self._departures.get(instance.uuid)
        try:
            if leaving is not None and leaving.is_ready:
                super().rollback_live_migration_at_source(  # type: ignore[misc]
                    context, instance, migrate_data
                )
        finally:
            if self._pci_manager is not None:
                self._pci_manager.settled(context, instance.uuid)
            self._let_go(context, instance, migrate_data.migration)

    def _let_go(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migration: 'objects.Migration',
    ) -> None:
        """Let the destination of a migration that is over free its claims."""
        try:
            rpcapi.ComputeAPI().release_claims(
                context, instance, migration.dest_compute, migration.id
            )
        except Exception:
            LOG.exception(
                'The destination frees what it claimed only when its '
                'resources are looked at',
                instance=instance,
            )

    def post_live_migration_at_destination(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """At the destination, with the guest running there."""
        super().post_live_migration_at_destination(  # type: ignore[misc]
            context, instance, *args, **kwargs
        )
        if self._pci_manager is not None:
            self._pci_manager.arrived(context, instance)
