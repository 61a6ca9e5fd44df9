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

"""``openstack pci flavor``: create, list, show, set, unset, delete."""

import argparse
import logging
from typing import Any

from osc_lib import exceptions
from osc_lib.command import command

from pci_ext.client import list_options
from pci_ext.client import pci_flavor_fields
from pci_ext.client import plugin
from pci_ext.client import projects

LOG = logging.getLogger(__name__)

_SORT_KEYS = (
    'created_at',
    'is_public',
    'live_migration',
    'name',
    'updated_at',
    'uuid',
)

_Table = tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]


class CreatePciFlavor(command.ShowOne):
    """Create a new PCI flavor"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'name', metavar='<name>', help='Name of the PCI flavor'
        )
        pci_flavor_fields.add_value_options(parser)
        parser.add_argument(
            '--project',
            metavar='<project>',
            dest='projects',
            action='append',
            help=(
                'Give a project (name or ID) access; only with --private '
                '(repeat option for several)'
            ),
        )
        projects.add_domain_option(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> pci_flavor_fields.Fields:
        values = pci_flavor_fields.given_values(parsed_args)
        if parsed_args.projects:
            if parsed_args.is_public is not False:
                raise exceptions.CommandError(
                    '--project is only allowed with --private.'
                )
            values['projects'] = [
                projects.find_id(self, project, parsed_args.project_domain)
                for project in parsed_args.projects
            ]
        return pci_flavor_fields.fields_of(
            plugin.client_of(self).create_flavor(values)
        )


class ListPciFlavor(command.Lister):
    """List PCI flavors"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        access = parser.add_mutually_exclusive_group()
        for name, is_public in (('public', 'true'), ('private', 'false')):
            access.add_argument(
                f'--{name}',
                dest='is_public',
                action='store_const',
                const=is_public,
                help=f'List only {name} PCI flavors',
            )
        list_options.add_page_options(parser, 'PCI flavors', _SORT_KEYS)
        parser.add_argument(
            '--long', action='store_true', help='List additional fields'
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Table:
        columns = (
            pci_flavor_fields.LONG_COLUMNS
            if parsed_args.long
            else pci_flavor_fields.COLUMNS
        )
        query = list_options.query_of(parsed_args)
        if parsed_args.is_public is not None:
            query.append(('is_public', parsed_args.is_public))
        page = plugin.client_of(self).list_flavors(
            parsed_args.long, query, parsed_args.limit
        )
        return tuple(columns.values()), tuple(
            tuple(pci_flavor_fields.cell(flavor, key) for key in columns)
            for flavor in page.items
        )


class ShowPciFlavor(command.ShowOne):
    """Show a PCI flavor"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        pci_flavor_fields.add_flavor_argument(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> pci_flavor_fields.Fields:
        return pci_flavor_fields.fields_of(
            plugin.client_of(self).show_flavor(parsed_args.pci_flavor)
        )


class SetPciFlavor(command.Command):
    """Set fields and properties of a PCI flavor

    Servers that have devices of it keep them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        pci_flavor_fields.add_flavor_argument(parser)
        parser.add_argument('--name', metavar='<name>', help='New name')
        pci_flavor_fields.add_value_options(parser)
        parser.add_argument(
            '--no-property',
            action='store_true',
            help=(
                'Remove all properties (give --property as well to replace '
                'them)'
            ),
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        values = pci_flavor_fields.given_values(parsed_args)
        if not values and not parsed_args.no_property:
            raise exceptions.CommandError(
                'Nothing to set. See --help for the options.'
            )
        client = plugin.client_of(self)
        if parsed_args.no_property:
            present = client.show_flavor(parsed_args.pci_flavor)['specs']
            values['specs'] = dict.fromkeys(present) | values.get('specs', {})
        client.update_flavor(parsed_args.pci_flavor, values)


class UnsetPciFlavor(command.Command):
    """Unset properties of a PCI flavor

    Servers that have devices of it keep them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        pci_flavor_fields.add_flavor_argument(parser)
        parser.add_argument(
            '--property',
            metavar='<key>',
            dest='properties',
            action='append',
            required=True,
            help='Property to remove (repeat option to remove several)',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        if '' in parsed_args.properties:
            raise exceptions.CommandError('The key of a property is empty.')
        plugin.client_of(self).update_flavor(
            parsed_args.pci_flavor,
            {'specs': dict.fromkeys(parsed_args.properties)},
        )


class DeletePciFlavor(command.Command):
    """Delete PCI flavor(s)

    Servers that have devices of them keep them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'pci_flavors',
            metavar='<pci-flavor>',
            nargs='+',
            help='PCI flavor(s) to delete (name or ID)',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        failed = 0
        for pci_flavor in parsed_args.pci_flavors:
            try:
                plugin.client_of(self).delete_flavor(pci_flavor)
            except exceptions.CommandError as error:
                failed += 1
                LOG.error(
                    "Failed to delete PCI flavor '%s': %s", pci_flavor, error
                )
        if failed:
            raise exceptions.CommandError(
                f'{failed} of {len(parsed_args.pci_flavors)} PCI flavors '
                f'failed to delete.'
            )
