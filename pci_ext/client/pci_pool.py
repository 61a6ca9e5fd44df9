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

"""``openstack pci pool``: list."""

import argparse
from typing import Any

from osc_lib.cli import format_columns
from osc_lib.command import command

from pci_ext.client import list_options
from pci_ext.client import plugin

#: Columns by key in the body of the API, in the order they are shown.
_COLUMNS = {
    'host': 'Host',
    'properties': 'Properties',
    'count': 'Free',
    'pci_flavors': 'PCI Flavors',
}
_LONG_COLUMNS = {'uuid': 'ID', **_COLUMNS, 'usage': 'Usage'}

_FORMATTERS = {
    'properties': format_columns.DictColumn,
    'usage': format_columns.DictColumn,
    'pci_flavors': format_columns.ListColumn,
}


class ListPciPool(command.Lister):
    """List the pools of PCI devices that hosts have

    A pool is a number of free devices of a host with equal attributes.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        list_options.add_options(parser, 'pools', ('host', 'count', 'uuid'))
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        columns = _LONG_COLUMNS if parsed_args.long else _COLUMNS
        page = plugin.client_of(self).list_pools(
            list_options.query_of(parsed_args), parsed_args.limit
        )
        return tuple(columns.values()), list_options.rows_of(
            page, tuple(columns), _FORMATTERS
        )
