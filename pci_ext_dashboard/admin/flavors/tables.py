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

"""The table of the PCI flavors."""

from typing import Any

from django.http import HttpRequest
from django.template import defaultfilters
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from horizon import tables

from pci_ext.policies import pci_flavor_access
from pci_ext.policies import pci_flavor_limits
from pci_ext.policies import pci_flavors
from pci_ext_dashboard import columns
from pci_ext_dashboard import policies
from pci_ext_dashboard.api import pci


def describe_usage(flavor: dict[str, Any]) -> str | None:
    """Return the free devices of a PCI flavor and all, if they are shown."""
    usage = flavor.get('usage')
    if usage is None:
        return None
    text = _('%(available)d of %(total)d') % usage
    if usage.get('partial'):
        return _('%s in the cells that answer') % text
    return text


class CreatePciFlavor(tables.LinkAction):
    name = 'create'
    verbose_name = _('Create PCI Flavor')
    url = 'horizon:admin:pci_flavors:create'
    icon = 'plus'
    policy_rules = policies.rules(pci_flavors.CREATE)


class EditPciFlavor(tables.LinkAction):
    name = 'update'
    verbose_name = _('Edit PCI Flavor')
    url = 'horizon:admin:pci_flavors:update'
    icon = 'pencil'
    policy_rules = policies.rules(pci_flavors.UPDATE)


class EditAccess(tables.LinkAction):
    name = 'access'
    verbose_name = _('Edit Access')
    url = 'horizon:admin:pci_flavors:access'
    classes = ('ajax-modal',)
    icon = 'pencil'
    policy_rules = policies.rules(
        pci_flavor_access.INDEX,
        pci_flavor_access.CREATE,
        pci_flavor_access.DELETE,
    )

    def allowed(
        self, request: HttpRequest, flavor: dict[str, Any] | None = None
    ) -> bool:
        return flavor is not None and not flavor['is_public']


class EditLimits(tables.LinkAction):
    name = 'limits'
    verbose_name = _('Edit Limits')
    url = 'horizon:admin:pci_flavors:limits'
    classes = ('ajax-modal',)
    icon = 'pencil'
    policy_rules = policies.rules(
        pci_flavor_limits.INDEX, pci_flavor_limits.UPDATE
    )


class DeletePciFlavor(tables.DeleteAction):
    policy_rules = policies.rules(pci_flavors.DELETE)
    help_text = _('Servers keep their devices.')

    @staticmethod
    def action_present(count: int) -> str:
        return ngettext_lazy('Delete PCI Flavor', 'Delete PCI Flavors', count)

    @staticmethod
    def action_past(count: int) -> str:
        return ngettext_lazy(
            'Deleted PCI Flavor', 'Deleted PCI Flavors', count
        )

    def delete(self, request: HttpRequest, obj_id: str) -> None:
        pci.client(request).delete_flavor(obj_id)


class PciFlavorsTable(tables.DataTable):
    name = tables.WrappingColumn(
        'name',
        verbose_name=_('Name'),
        link='horizon:admin:pci_flavors:detail',
    )
    description = tables.WrappingColumn(
        'description', verbose_name=_('Description')
    )
    specs = tables.WrappingColumn(
        lambda flavor: columns.join_pairs(flavor['specs']),
        verbose_name=_('Specs'),
    )
    public = tables.Column(
        'is_public',
        verbose_name=_('Public'),
        filters=(defaultfilters.yesno, defaultfilters.capfirst),
    )
    live_migration = tables.Column(
        'live_migration', verbose_name=_('Live Migration')
    )
    free = tables.Column(describe_usage, verbose_name=_('Free Devices'))

    class Meta:
        name = 'pci_flavors'
        verbose_name = _('PCI Flavors')
        pagination_param = 'pci_flavor_marker'
        prev_pagination_param = 'prev_pci_flavor_marker'
        table_actions = (CreatePciFlavor, DeletePciFlavor)
        row_actions = (
            EditPciFlavor,
            EditAccess,
            EditLimits,
            DeletePciFlavor,
        )

    def get_object_id(self, datum: dict[str, Any]) -> str:
        return str(datum['uuid'])

    def get_object_display(self, datum: dict[str, Any]) -> str:
        return str(datum['name'])


class MatchingDevicesTable(tables.DataTable):
    """The first devices that specs match."""

    host = tables.Column('host', verbose_name=_('Host'))
    address = tables.Column('address', verbose_name=_('Address'))
    vendor_id = tables.Column('vendor_id', verbose_name=_('Vendor ID'))
    product_id = tables.Column('product_id', verbose_name=_('Product ID'))
    attributes = tables.WrappingColumn(
        lambda device: columns.join_pairs(device['attributes']),
        verbose_name=_('Attributes'),
    )
    status = tables.Column('status', verbose_name=_('Status'))

    class Meta:
        name = 'matching_devices'
        verbose_name = _('Matching Devices')
        multi_select = False
        footer = False

    def get_object_id(self, datum: dict[str, Any]) -> str:
        return str(datum['uuid'])
