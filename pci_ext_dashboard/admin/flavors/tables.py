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

from django.template import defaultfilters
from django.utils.translation import gettext_lazy as _
from horizon import tables


def list_specs(flavor: dict[str, Any]) -> str:
    """Return the specs of a PCI flavor in one line."""
    return ', '.join(
        f'{key}={pattern}' for key, pattern in sorted(flavor['specs'].items())
    )


def describe_usage(flavor: dict[str, Any]) -> str | None:
    """Return the free devices of a PCI flavor and all, if they are shown."""
    usage = flavor.get('usage')
    if usage is None:
        return None
    text = _('%(available)d of %(total)d') % usage
    if usage.get('partial'):
        return _('%s in the cells that answer') % text
    return text


class PciFlavorsTable(tables.DataTable):
    name = tables.WrappingColumn('name', verbose_name=_('Name'))
    description = tables.WrappingColumn(
        'description', verbose_name=_('Description')
    )
    specs = tables.WrappingColumn(list_specs, verbose_name=_('Specs'))
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

    def get_object_id(self, datum: dict[str, Any]) -> str:
        return str(datum['uuid'])

    def get_object_display(self, datum: dict[str, Any]) -> str:
        return str(datum['name'])
