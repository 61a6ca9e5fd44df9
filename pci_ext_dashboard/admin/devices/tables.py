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

"""The table of the devices of all hosts."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from horizon import tables

from pci_ext_dashboard import columns

Device = Mapping[str, Any]

STATUSES = (
    ('available', _('Free')),
    ('claimed', _('Claimed')),
    ('allocated', _('In Use')),
    ('unavailable', _('Unavailable')),
    ('removed', _('Removed')),
)


def _link_host(device: Device) -> str:
    return reverse('horizon:admin:pci_devices:host', args=[device['host']])


def _link_server(device: Device) -> str | None:
    if device['server_uuid'] is None:
        return None
    return reverse(
        'horizon:admin:instances:detail', args=[device['server_uuid']]
    )


class DevicesFilter(tables.FilterAction):
    filter_type = 'server'
    filter_choices = (
        ('host', _('Host ='), True),
        ('status', _('Status in Nova ='), True),
        ('flavor', _('PCI Flavor ='), True),
        ('address', _('Address ='), True),
        ('server_uuid', _('Server ID ='), True),
    )


class PciDevicesTable(tables.DataTable):
    host = tables.Column('host', verbose_name=_('Host'), link=_link_host)
    address = tables.Column('address', verbose_name=_('Address'))
    vendor_id = tables.Column('vendor_id', verbose_name=_('Vendor ID'))
    product_id = tables.Column('product_id', verbose_name=_('Product ID'))
    dev_type = tables.Column('dev_type', verbose_name=_('Type'))
    numa_node = tables.Column('numa_node', verbose_name=_('NUMA Node'))
    attributes = tables.WrappingColumn(
        lambda device: columns.join_pairs(device['attributes']),
        verbose_name=_('Attributes'),
    )
    flavors = tables.WrappingColumn(
        lambda device: columns.join_names(device['pci_flavors']),
        verbose_name=_('PCI Flavors'),
    )
    status = tables.Column(
        'status', verbose_name=_('Status'), display_choices=STATUSES
    )
    withdrawn = tables.Column(
        lambda device: _('Yes') if device['withdrawn'] else None,
        verbose_name=_('Withdrawn'),
    )
    server = tables.Column(
        'server_uuid', verbose_name=_('Server'), link=_link_server
    )

    class Meta:
        name = 'pci_devices'
        verbose_name = _('PCI Devices')
        multi_select = False
        pagination_param = 'pci_device_marker'
        prev_pagination_param = 'prev_pci_device_marker'
        table_actions = (DevicesFilter,)

    def get_object_id(self, datum: Device) -> str:
        return str(datum['uuid'])
