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

from pci_ext.client import api_client
from pci_ext.client import plugin

#: Seconds between polls of an action.
_POLL_INTERVAL = 1.0

#: Message of a failure for users who may not see its reason.
_NOT_TOLD = (
    'The action failed. An administrator can see why: openstack server event '
    'show'
)

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
            help='Wait for the end of the action, and fail if it fails',
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
        if not parsed_args.wait:
            return
        failed = [
            event
            for event in self._wait(client, server.id, request_id)
            if event['result'] != 'Success'
        ]
        if failed:
            reason = (
                failed[0].get('details')
                or self._last_errors(client, server.id, parsed_args)
                or _NOT_TOLD
            )
            raise exceptions.CommandError(
                f'{reason} (Request-ID: {request_id})'
            )

    def _wait(
        self, client: api_client.PciClient, server_id: str, request_id: str
    ) -> list[api_client.Body]:
        """Wait for the end of an action, and return its events."""
        started = time.monotonic()
        while True:
            events = client.show_server_action(server_id, request_id)
            if events and all(event['finish_time'] for event in events):
                break
            sys.stderr.write(f'\rProgress: {time.monotonic() - started:.0f} s')
            sys.stderr.flush()
            time.sleep(_POLL_INTERVAL)
        sys.stderr.write('\rComplete           \n')
        return events

    def _last_errors(
        self,
        client: api_client.PciClient,
        server_id: str,
        parsed_args: argparse.Namespace,
    ) -> str:
        """Return the last errors of the devices of an action.

        By default Nova shows the details of events to administrators only;
        last errors are shown to all users that may see the devices.
        """
        try:
            devices = client.list_server_devices(server_id)
        except exceptions.CommandError:
            return ''
        return '; '.join(
            sorted(
                {
                    device['last_error']
                    for device in devices
                    if device['last_error']
                    and self._is_about(device, parsed_args)
                }
            )
        )

    def _is_about(
        self, device: api_client.Body, parsed_args: argparse.Namespace
    ) -> bool:
        """Tell whether the action changes a device of the server."""
        return False


class AddServerPci(_ServerAction):
    """Attach PCI devices to a server: all that are requested, or none"""

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
            help='Devices by an alias (repeat for more; admin only)',
        )
        parser.add_argument(
            '--name',
            metavar='<name>',
            action='append',
            help='A device by its name (repeat for more; admin only)',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        requests = {
            key: separator.join(getattr(parsed_args, option))
            for option, (key, separator) in _REQUESTS.items()
            if getattr(parsed_args, option)
        }
        if not requests:
            raise exceptions.CommandError(
                'Nothing to attach: give --pci-flavor, --alias or --name.'
            )
        self._act(parsed_args, 'attach_pci', requests)


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

    def _is_about(
        self, device: api_client.Body, parsed_args: argparse.Namespace
    ) -> bool:
        return device.get('dev_id') in parsed_args.devices


class ReattachServerPci(_ServerAction):
    """Attach PCI devices that could not be attached after a live migration"""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self._act(parsed_args, 'reattach_pci', None)

    def _is_about(
        self, device: api_client.Body, parsed_args: argparse.Namespace
    ) -> bool:
        return bool(device['state'] == 'failed')
