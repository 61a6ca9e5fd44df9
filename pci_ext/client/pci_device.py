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

"""``openstack pci device``: list, show."""

import argparse
from typing import Any

from osc_lib.cli import format_columns
from osc_lib.command import command

from pci_ext.client import list_options
from pci_ext.client import plugin

_STATUSES = ('available', 'claimed', 'allocated', 'removed', 'unavailable')

_SORT_KEYS = (
    'address',
    'dev_type',
    'host',
    'numa_node',
    'product_id',
    'server_uuid',
    'status',
    'uuid',
    'vendor_id',
)

#: Columns by key in the body of the API, in the order they are shown.
_COLUMNS = {
    'uuid': 'ID',
    'host': 'Host',
    'address': 'Address',
    'status': 'Status',
    'server_uuid': 'Server ID',
    'pci_flavors': 'PCI Flavors',
}
_LONG_COLUMNS = {
    **_COLUMNS,
    'vendor_id': 'Vendor ID',
    'product_id': 'Product ID',
    'dev_type': 'Type',
    'numa_node': 'NUMA Node',
    'parent_addr': 'Parent Address',
    'withdrawn': 'Withdrawn',
    'attributes': 'Properties',
}

#: Fields of one device.
_FIELDS = {
    'uuid': 'id',
    'host': 'host',
    'address': 'address',
    'dev_id': 'dev_id',
    'vendor_id': 'vendor_id',
    'product_id': 'product_id',
    'dev_type': 'dev_type',
    'numa_node': 'numa_node',
    'parent_addr': 'parent_addr',
    'status': 'status',
    'server_uuid': 'server_id',
    'withdrawn': 'withdrawn',
    'attributes': 'properties',
    'pci_flavors': 'pci_flavors',
}

_FORMATTERS = {
    'attributes': format_columns.DictColumn,
    'pci_flavors': format_columns.ListColumn,
}


class ListPciDevice(command.Lister):
    """List the PCI devices of all hosts"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        list_options.add_options(parser, 'devices', _SORT_KEYS)
        parser.add_argument(
            '--status',
            choices=_STATUSES,
            help='List only devices of this status',
        )
        parser.add_argument(
            '--uuid', metavar='<id>', help='List only the device with this ID'
        )
        parser.add_argument(
            '--address',
            metavar='<address>',
            help='List only devices with this PCI address on their host',
        )
        parser.add_argument(
            '--server',
            metavar='<server>',
            help='List only devices of this server (name or ID)',
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        columns = _LONG_COLUMNS if parsed_args.long else _COLUMNS
        query = list_options.query_of(parsed_args)
        if parsed_args.server is not None:
            manager: Any = self.app.client_manager
            server = manager.compute.find_server(
                parsed_args.server,
                ignore_missing=False,
                details=False,
                all_projects=True,
            )
            query.append(('server_uuid', server.id))
        page = plugin.client_of(self).list_devices(query, parsed_args.limit)
        return tuple(columns.values()), list_options.rows_of(
            page, tuple(columns), _FORMATTERS
        )


class ShowPciDevice(command.ShowOne):
    """Show a PCI device"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'device', metavar='<device>', help='PCI device (ID)'
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        device = plugin.client_of(self).show_device(parsed_args.device)
        return tuple(_FIELDS.values()), list_options.cells_of(
            device, tuple(_FIELDS), _FORMATTERS
        )
