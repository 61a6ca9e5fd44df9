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

"""``openstack pci flavor limit``: set, unset, list; ``pci limit list``."""

import argparse

from cliff import columns
from osc_lib import exceptions
from osc_lib.command import command

from pci_ext.client import pci_flavor_fields
from pci_ext.client import plugin
from pci_ext.client import projects

#: The unlimited value, in the API and on the command line.
_UNLIMITED = -1


class _Limit(columns.FormattableColumn[int]):
    """A limit: a number, as which the machine-readable formats have it."""

    def human_readable(self) -> str:
        return 'unlimited' if self._value == _UNLIMITED else str(self._value)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    pci_flavor_fields.add_flavor_argument(parser)
    parser.add_argument(
        '--project',
        metavar='<project>',
        help=(
            'Project with a limit of its own (name or ID); without this '
            'option it is that of all others'
        ),
    )
    projects.add_domain_option(parser)


def _change(
    cmd: command.Command, parsed_args: argparse.Namespace, limit: int | None
) -> None:
    values: dict[str, object] = {'default': limit}
    if parsed_args.project is not None:
        project_id = projects.find_id(
            cmd,
            parsed_args.project,
            parsed_args.project_domain,
            # The project may be gone, but not its limit.
            must_exist=limit is not None,
        )
        values = {'projects': {project_id: limit}}
    plugin.client_of(cmd).update_limits(parsed_args.pci_flavor, values)


class SetPciFlavorLimit(command.Command):
    """Limit how many devices of a PCI flavor a project may have"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_arguments(parser)
        parser.add_argument(
            'limit',
            metavar='<limit>',
            help='Number of devices, or "unlimited"',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        text = parsed_args.limit
        if text != 'unlimited' and not (text.isascii() and text.isdigit()):
            raise exceptions.CommandError(
                f'{text} is neither a number of devices nor "unlimited".'
            )
        _change(
            self,
            parsed_args,
            _UNLIMITED if text == 'unlimited' else int(text),
        )


class UnsetPciFlavorLimit(command.Command):
    """Remove a limit of a PCI flavor

    A project without a limit of its own has that of all others; if there is
    none either it is unlimited.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _change(self, parsed_args, None)


class ListPciFlavorLimit(command.Lister):
    """List the limits of a PCI flavor

    The one without a project is that of all others.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        pci_flavor_fields.add_flavor_argument(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[str, _Limit], ...]]:
        limits = plugin.client_of(self).show_limits(parsed_args.pci_flavor)
        rows = sorted(limits['projects'].items())
        if limits['default'] is not None:
            rows.insert(0, ('', limits['default']))
        return ('Project ID', 'Limit'), tuple(
            (project_id, _Limit(limit)) for project_id, limit in rows
        )


class ListPciLimit(command.Lister):
    """List the limits of a project, and the devices that it has"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--project',
            metavar='<project>',
            help='Project (name or ID); yours by default',
        )
        projects.add_domain_option(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[str, _Limit, int], ...]]:
        project_id = None
        if parsed_args.project is not None:
            project_id = projects.find_id(
                self, parsed_args.project, parsed_args.project_domain
            )
        limits = plugin.client_of(self).list_project_limits(project_id)
        return ('PCI Flavor', 'Limit', 'Used'), tuple(
            (each['pci_flavor'], _Limit(each['limit']), each['used'])
            for each in limits
        )
