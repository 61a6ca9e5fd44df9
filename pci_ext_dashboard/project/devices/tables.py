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

"""Tables of the PCI flavors of a project, and of the devices of a server."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from horizon import tables

from pci_ext.policies import pci_devices
from pci_ext_dashboard import columns
from pci_ext_dashboard import policies

_UNLIMITED = -1

#: In these states Nova attaches and detaches devices.
_STATUSES = ('ACTIVE', 'PAUSED', 'SHUTOFF')

_STATES = (
    ('attached', _('Attached')),
    ('attaching', _('Attaching')),
    ('detaching', _('Detaching')),
    ('detached', _('Detached')),
    ('retrying', _('Retrying')),
    ('failed', _('Failed')),
)

Device = Mapping[str, Any]


def _describe_limit(flavor: Mapping[str, Any]) -> Any:
    limit = flavor.get('limit')
    return _('Unlimited') if limit == _UNLIMITED else limit


class UsableFlavorsTable(tables.DataTable):
    """The PCI flavors that a project sees."""

    name = tables.WrappingColumn('name', verbose_name=_('PCI Flavor'))
    description = tables.WrappingColumn(
        'description', verbose_name=_('Description')
    )
    free = tables.Column(
        lambda flavor: flavor.get('usage', {}).get('available'),
        verbose_name=_('Free'),
    )
    limit = tables.Column(_describe_limit, verbose_name=_('Limit'))
    used = tables.Column(
        lambda flavor: flavor.get('used'), verbose_name=_('Used')
    )

    class Meta:
        name = 'usable_flavors'
        verbose_name = _('PCI Flavors')
        multi_select = False

    def get_object_id(self, datum: Mapping[str, Any]) -> str:
        return str(datum['uuid'])


def _can_change(instance: Any) -> bool:
    """Tell whether Nova takes an action on the devices of a server."""
    return (
        instance.status in _STATUSES
        and not getattr(instance, 'OS-EXT-STS:task_state', None)
        and not getattr(instance, 'locked', False)
    )


class _ServerAction(tables.LinkAction):
    """A link to a page of an action of the server of a table."""

    classes: tuple[str, ...] = ('ajax-modal',)

    def get_link_url(self, datum: Device | None = None) -> str:
        return reverse(self.url, args=[self.table.kwargs['instance'].id])

    def allowed(
        self, request: HttpRequest, datum: Device | None = None
    ) -> bool:
        return _can_change(self.table.kwargs['instance'])


class AttachDevices(_ServerAction):
    name = 'attach'
    verbose_name = _('Attach Devices')
    url = 'horizon:project:pci_devices:attach'
    icon = 'plus'
    policy_rules = policies.rules(pci_devices.ATTACH)


class ReattachDevices(_ServerAction):
    name = 'reattach'
    verbose_name = _('Reattach Failed Devices')
    url = 'horizon:project:pci_devices:reattach'
    icon = 'refresh'
    policy_rules = policies.rules(pci_devices.REATTACH)

    def allowed(
        self, request: HttpRequest, datum: Device | None = None
    ) -> bool:
        return super().allowed(request, datum) and any(
            device['state'] == 'failed' for device in self.table.data
        )


class PlanMigration(_ServerAction):
    name = 'plan_migration'
    verbose_name = _('Plan Live Migration')
    url = 'horizon:admin:pci_devices:migration_plan'
    classes = ()
    icon = 'exchange'
    policy_rules = policies.rules(pci_devices.MIGRATION_PLAN)

    def allowed(
        self, request: HttpRequest, datum: Device | None = None
    ) -> bool:
        return True


class DetachDevice(_ServerAction):
    name = 'detach'
    verbose_name = _('Detach Device')
    url = 'horizon:project:pci_devices:detach'
    action_type = 'danger'
    policy_rules = policies.rules(pci_devices.DETACH)

    def get_link_url(self, datum: Device | None = None) -> str:
        assert datum is not None
        return reverse(
            self.url, args=[self.table.kwargs['instance'].id, datum['dev_id']]
        )

    def allowed(
        self, request: HttpRequest, datum: Device | None = None
    ) -> bool:
        # The device of a port is detached with the port.
        return (
            super().allowed(request, datum)
            and datum is not None
            and 'dev_id' in datum
            and not datum['port_id']
        )


class ServerDevicesTable(tables.DataTable):
    flavor = tables.WrappingColumn(
        lambda device: device['pci_flavor'] or device['pci_name'],
        verbose_name=_('PCI Flavor'),
    )
    vendor_id = tables.Column('vendor_id', verbose_name=_('Vendor ID'))
    product_id = tables.Column('product_id', verbose_name=_('Product ID'))
    address = tables.Column(
        lambda device: device.get('address'), verbose_name=_('Address')
    )
    attached = tables.Column(
        'attached',
        verbose_name=_('Attached At'),
        display_choices=(('boot', _('Boot')), ('hot', _('Run Time'))),
    )
    state = tables.Column(
        'state', verbose_name=_('State'), display_choices=_STATES
    )
    last_error = tables.WrappingColumn(
        'last_error', verbose_name=_('Last Error')
    )

    class Meta:
        name = 'server_devices'
        verbose_name = _('Devices')
        multi_select = False
        table_actions = (AttachDevices, ReattachDevices, PlanMigration)
        row_actions = (DetachDevice,)

    def get_object_id(self, datum: Device) -> str:
        # Not all users see the id of a device.
        return str(datum.get('dev_id', self.data.index(datum)))


class HostPoolsTable(tables.DataTable):
    """The pools of the host of a server."""

    flavors = tables.WrappingColumn(
        lambda pool: columns.join_names(pool['pci_flavors']),
        verbose_name=_('PCI Flavors'),
    )
    properties = tables.WrappingColumn(
        lambda pool: columns.join_pairs(pool['properties']),
        verbose_name=_('Properties'),
    )
    free = tables.Column(
        lambda pool: pool['usage']['available'], verbose_name=_('Free')
    )
    total = tables.Column(
        lambda pool: pool['usage']['total'], verbose_name=_('Total')
    )

    class Meta:
        name = 'host_pools'
        verbose_name = _('Devices of the Host')
        multi_select = False

    def get_object_id(self, datum: Mapping[str, Any]) -> str:
        return str(datum['uuid'])
