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

"""``openstack server pci``: list."""

import argparse
from collections.abc import Iterator
from typing import Any

from osc_lib import exceptions
from osc_lib.command import command

from pci_ext.client import plugin

#: Columns by key in the body of the API, in the order they are shown.
_COLUMNS = {
    'dev_id': 'Device ID',
    'address': 'Address',
    'vendor_id': 'Vendor ID',
    'product_id': 'Product ID',
}


class ListServerPci(command.Lister):
    """List the PCI devices of a server"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'server', metavar='<server>', help='Server (name or ID)'
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
        manager: Any = self.app.client_manager
        found = manager.compute.find_server(
            parsed_args.server, ignore_missing=False, details=False
        )
        server = plugin.client_of(self).show_server(found.id)
        # An empty list is an answer, none is not.
        if 'pci_devices' not in server:
            raise exceptions.CommandError(
                f'The compute service does not tell the PCI devices of server '
                f'{parsed_args.server}.'
            )
        return tuple(_COLUMNS.values()), (
            tuple(device[key] for key in _COLUMNS)
            for device in server['pci_devices']
        )
