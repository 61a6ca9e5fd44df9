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
from collections.abc import Iterator
import logging
from typing import Any

from osc_lib import exceptions
from osc_lib.cli import format_columns
from osc_lib.cli import parseractions
from osc_lib.command import command

from pci_ext.client import plugin
from pci_ext.client import projects

LOG = logging.getLogger(__name__)

_LIVE_MIGRATION = ('forbid', 'hotplug', 'native')

#: Columns by key in the bodies of the API, in the order they are shown.
_COLUMNS = {
    'uuid': 'UUID',
    'name': 'Name',
    'description': 'Description',
}
_LONG_COLUMNS = {
    **_COLUMNS,
    'is_public': 'Is Public',
    'live_migration': 'Live Migration',
    'specs': 'Properties',
    'usage': 'Usage',
}
#: Fields of one PCI flavor; the available attributes have only some.
_FIELDS = {
    'uuid': 'uuid',
    'name': 'name',
    'description': 'description',
    'is_public': 'is_public',
    'live_migration': 'live_migration',
    'specs': 'properties',
    'created_at': 'created_at',
    'updated_at': 'updated_at',
    'usage': 'usage',
}

#: Fields whose values are mappings.
_MAPPINGS = frozenset(('specs', 'usage'))

_Table = tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]
_Fields = tuple[tuple[str, ...], tuple[Any, ...]]


def add_flavor_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'pci_flavor',
        metavar='<pci-flavor>',
        help='PCI flavor (name or UUID)',
    )


def _add_value_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--description',
        metavar='<description>',
        help='Description for users',
    )
    access = parser.add_mutually_exclusive_group()
    access.add_argument(
        '--public',
        dest='is_public',
        action='store_true',
        default=None,
        help='All projects can use the PCI flavor',
    )
    access.add_argument(
        '--private',
        dest='is_public',
        action='store_false',
        default=None,
        help='Only projects with access can use the PCI flavor',
    )
    parser.add_argument(
        '--live-migration',
        choices=_LIVE_MIGRATION,
        help=(
            'What a live migration does with its devices: forbid (not '
            'possible), hotplug (detach and attach again), or native (the '
            'hypervisor migrates their state)'
        ),
    )
    parser.add_argument(
        '--property',
        metavar='<key=pattern>',
        dest='properties',
        action=parseractions.KeyValueAction,
        help=(
            'Select devices whose attribute <key> matches <pattern>: a '
            'literal, a regular expression, or * for any value (repeat option '
            'for several, all of which have to match)'
        ),
    )


def _given_values(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """Collect what was given on the command line, as the API has it."""
    values = {
        'name': parsed_args.name,
        'description': parsed_args.description,
        'is_public': parsed_args.is_public,
        'live_migration': parsed_args.live_migration,
        'specs': parsed_args.properties,
    }
    return {key: value for key, value in values.items() if value is not None}


def _cell(flavor: dict[str, Any], key: str) -> Any:
    value = flavor[key]
    return format_columns.DictColumn(value) if key in _MAPPINGS else value


def _fields_of(flavor: dict[str, Any]) -> _Fields:
    known = [key for key in _FIELDS if key in flavor]
    return (
        tuple(_FIELDS[key] for key in known),
        tuple(_cell(flavor, key) for key in known),
    )


class CreatePciFlavor(command.ShowOne):
    """Create a new PCI flavor"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'name', metavar='<name>', help='Name of the PCI flavor'
        )
        _add_value_options(parser)
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

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        values = _given_values(parsed_args)
        if parsed_args.projects:
            if parsed_args.is_public is not False:
                raise exceptions.CommandError(
                    '--project is only allowed with --private.'
                )
            values['projects'] = [
                projects.find_id(self, project, parsed_args.project_domain)
                for project in parsed_args.projects
            ]
        return _fields_of(plugin.client_of(self).create_flavor(values))


class ListPciFlavor(command.Lister):
    """List PCI flavors"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--long', action='store_true', help='List additional fields'
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Table:
        columns = _LONG_COLUMNS if parsed_args.long else _COLUMNS
        flavors = plugin.client_of(self).list_flavors(
            detailed=parsed_args.long
        )
        return tuple(columns.values()), (
            tuple(_cell(flavor, key) for key in columns) for flavor in flavors
        )


class ShowPciFlavor(command.ShowOne):
    """Show a PCI flavor"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_flavor_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> _Fields:
        return _fields_of(
            plugin.client_of(self).show_flavor(parsed_args.pci_flavor)
        )


class SetPciFlavor(command.Command):
    """Set fields and properties of a PCI flavor

    Servers that have devices of it keep them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_flavor_argument(parser)
        parser.add_argument('--name', metavar='<name>', help='New name')
        _add_value_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        values = _given_values(parsed_args)
        if not values:
            raise exceptions.CommandError(
                'Nothing to set was given. See --help for what can be set.'
            )
        plugin.client_of(self).update_flavor(parsed_args.pci_flavor, values)


class UnsetPciFlavor(command.Command):
    """Unset properties of a PCI flavor

    Servers that have devices of it keep them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_flavor_argument(parser)
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
            help='PCI flavor(s) to delete (name or UUID)',
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
