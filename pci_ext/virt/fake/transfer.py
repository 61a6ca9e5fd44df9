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

"""Live migration between simulated hypervisors."""

from collections.abc import Iterable
import threading
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.network import model as network_model
from nova.virt import fake
from oslo_log import log as logging

from pci_ext.virt.fake import domain_transfer
from pci_ext.virt.fake import hypervisor

LOG = logging.getLogger(__name__)


def _passed_through(vifs: Iterable[Any]) -> list[Any]:
    """Return the interfaces that are devices of the host."""
    direct = network_model.VNIC_TYPES_DIRECT_PASSTHROUGH
    return [vif for vif in vifs if vif['vnic_type'] in direct]


def _source_vifs(migrate_data: Any) -> list[Any]:
    vifs = migrate_data.vifs if 'vifs' in migrate_data else ()
    return _passed_through(vif.source_vif for vif in vifs)


class TransferDriver(fake.FakeDriverWithoutFakeNodes):
    """Nova's fake driver, which moves a domain in a live migration.

    Like libvirt it refuses a domain with host devices, except those that it
    migrates to devices of the destination.
    """

    _domains: hypervisor.Domains

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self._aborted: dict[str, threading.Event] = {}

    def pre_live_migration(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        domain_transfer.prepare(self._domains)
        return super().pre_live_migration(context, instance, *args, **kwargs)

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
        aborted = self._aborted[instance.uuid] = threading.Event()
        try:
            for vif in _source_vifs(migrate_data):
                self.detach_interface(context, instance, vif)
            domain_transfer.transfer(
                instance.uuid,
                self._domains,
                hypervisor.HYPERVISORS[dest],
                migrate_data.pci_dev_map_src_dst,
                aborted,
            )
        except domain_transfer.TransferFailedError as error:
            LOG.error('The transfer failed: %s', error, instance=instance)
            status = 'cancelled' if aborted.is_set() else 'failed'
            recover_method(
                context, instance, dest, migrate_data, migration_status=status
            )
            return
        finally:
            del self._aborted[instance.uuid]
        post_method(context, instance, dest, block_migration, migrate_data)

    def live_migration_abort(self, instance: 'objects.Instance') -> None:
        if instance.uuid not in self._aborted:
            raise nova_exception.NoActiveMigrationForInstance(
                instance_id=instance.uuid
            )
        self._aborted[instance.uuid].set()

    def rollback_live_migration_at_source(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        migrate_data: Any,
    ) -> None:
        super().rollback_live_migration_at_source(
            context, instance, migrate_data
        )
        self._attach_interfaces(context, instance, _source_vifs(migrate_data))

    def post_live_migration_at_destination(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        network_info: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().post_live_migration_at_destination(
            context, instance, network_info, *args, **kwargs
        )
        self._attach_interfaces(
            context, instance, _passed_through(network_info)
        )

    def _attach_interfaces(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        vifs: Iterable[Any],
    ) -> None:
        """Attach the detached interfaces, as libvirt's driver does."""
        has = self._domains.devices(instance.uuid) or ()
        for vif in vifs:
            if vif['profile']['pci_slot'] not in has:
                self.attach_interface(
                    context, instance, instance.image_meta, vif
                )

    def post_live_migration(
        self,
        context: nova_context.RequestContext,
        instance: 'objects.Instance',
        *args: Any,
        **kwargs: Any,
    ) -> None:
        # Its domain has moved already.
        super().destroy(context, instance, None)
