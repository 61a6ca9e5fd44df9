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

"""``openstack pci evaluate``."""

import argparse
from typing import Any

from osc_lib.command import command

from pci_ext.client import list_options
from pci_ext.client import plugin

_COLUMNS = {'host': 'Host', 'fits': 'Fits', 'explanation': 'Explanation'}


class EvaluatePciRequest(command.Lister):
    """List the hosts with the devices for a request, or the reason against

    Only devices are compared, not the other needs of a server.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'request',
            metavar='<request>',
            help=(
                'Request as in the property pci_passthrough:pci_flavor of a '
                'flavor, such as "1:IntelGPU,NvGPU;1:QuickAssist"'
            ),
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        page = plugin.client_of(self).evaluate(parsed_args.request)
        return tuple(_COLUMNS.values()), list_options.rows_of(
            page, tuple(_COLUMNS), {}
        )
