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

"""``openstack pci flavor access``: add, remove, list."""

import argparse

from osc_lib.command import command

from pci_ext.client import pci_flavor_fields
from pci_ext.client import plugin
from pci_ext.client import projects


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    pci_flavor_fields.add_flavor_argument(parser)
    parser.add_argument(
        'project', metavar='<project>', help='Project (name or ID)'
    )
    projects.add_domain_option(parser)


class AddPciFlavorAccess(command.Command):
    """Give a project access to a private PCI flavor"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        plugin.client_of(self).add_access(
            parsed_args.pci_flavor,
            projects.find_id(
                self, parsed_args.project, parsed_args.project_domain
            ),
        )


class RemovePciFlavorAccess(command.Command):
    """Take the access to a private PCI flavor from a project

    Servers of the project that have devices of it keep them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        plugin.client_of(self).remove_access(
            parsed_args.pci_flavor,
            # The project may be gone, but not its access.
            projects.find_id(
                self,
                parsed_args.project,
                parsed_args.project_domain,
                must_exist=False,
            ),
        )


class ListPciFlavorAccess(command.Lister):
    """List the projects with access to a private PCI flavor"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        pci_flavor_fields.add_flavor_argument(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        project_ids = plugin.client_of(self).list_access(
            parsed_args.pci_flavor
        )
        return ('Project ID',), tuple((each,) for each in project_ids)
