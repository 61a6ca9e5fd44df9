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

"""``openstack server add pci``, ``remove pci`` and ``pci reattach``."""

import argparse
import sys
import time
from typing import Any

from osc_lib import exceptions
from osc_lib.command import command

from pci_ext.client import plugin

#: Seconds between looks at the progress of an action.
_POLL_INTERVAL = 1.0

#: Extra specs by the options that stand for them.
_REQUESTS = {
    'pci_flavor': ('pci_passthrough:pci_flavor', ';'),
    'alias': ('pci_passthrough:alias', ','),
    'name': ('pci_passthrough:pci_name', ','),
}


class _ServerAction(command.Command):
    """An action on the devices of one server."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--wait',
            action='store_true',
            help='Wait until it is done, and fail if it fails',
        )
        parser.add_argument(
            'server', metavar='<server>', help='Server (name or ID)'
        )
        return parser

    def _act(
        self, parsed_args: argparse.Namespace, action: str, argument: Any
    ) -> None:
        manager: Any = self.app.client_manager
        server = manager.compute.find_server(
            parsed_args.server, ignore_missing=False, details=False
        )
        client = plugin.client_of(self)
        request_id = client.act_on_server(server.id, {action: argument})
        if parsed_args.wait:
            self._wait(server.id, request_id)

    def _wait(self, server_id: str, request_id: str) -> None:
        started = time.monotonic()
        client = plugin.client_of(self)
        while True:
            events = client.show_server_action(server_id, request_id)
            if events and all(event['finish_time'] for event in events):
                break
            sys.stderr.write(f'\rProgress: {time.monotonic() - started:.0f} s')
            sys.stderr.flush()
            time.sleep(_POLL_INTERVAL)
        sys.stderr.write('\rComplete           \n')
        for event in events:
            if event['result'] != 'Success':
                raise exceptions.CommandError(
                    event.get('details') or 'The action failed.'
                )


class AddServerPci(_ServerAction):
    """Attach PCI devices to a server: all that are asked for, or none"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--pci-flavor',
            metavar='<request>',
            action='append',
            help=(
                'Devices of a PCI flavor, or of the first of several that '
                'has enough: [count:]name[,name...] (repeat for more)'
            ),
        )
        parser.add_argument(
            '--alias',
            metavar='<alias:count>',
            action='append',
            help='Devices by an alias (repeat for more)',
        )
        parser.add_argument(
            '--name',
            metavar='<name>',
            action='append',
            help='A device by its name (repeat for more)',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        wanted = {
            key: separator.join(getattr(parsed_args, option))
            for option, (key, separator) in _REQUESTS.items()
            if getattr(parsed_args, option)
        }
        if not wanted:
            raise exceptions.CommandError(
                'Say what to attach: --pci-flavor, --alias or --name.'
            )
        self._act(parsed_args, 'attach_pci', wanted)


class RemoveServerPci(_ServerAction):
    """Detach PCI devices from a server: all that are named, or none"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'devices',
            metavar='<device-id>',
            nargs='+',
            help='Device, as shown by "openstack server pci list"',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        devices = [{'dev_id': dev_id} for dev_id in parsed_args.devices]
        self._act(parsed_args, 'detach_pci', devices)


class ReattachServerPci(_ServerAction):
    """Attach PCI devices that could not be attached after a live migration"""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self._act(parsed_args, 'reattach_pci', None)
