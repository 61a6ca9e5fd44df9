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
import re
import sys
import time
from typing import Any

from osc_lib import exceptions
from osc_lib.command import command

from pci_ext.client import api_client
from pci_ext.client import plugin

#: Seconds between polls of an action.
_POLL_INTERVAL = 1.0

#: Control sequence of terminals (ECMA-48, EL).
_ERASE_LINE = '\x1b[K'

#: PCI addresses as the lists of devices show them.
_ADDRESS = re.compile(
    r'[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]', re.IGNORECASE
)

#: Aliases with counts, separated by commas, as in the extra spec.
_ALIASES = re.compile(r'[^:,]+:[0-9]+(,[^:,]+:[0-9]+)*')

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

    def _find_server(self, parsed_args: argparse.Namespace) -> str:
        """Find the server, and return its id."""
        manager: Any = self.app.client_manager
        server = manager.compute.find_server(
            parsed_args.server, ignore_missing=False, details=False
        )
        return str(server.id)

    def _act(
        self,
        parsed_args: argparse.Namespace,
        server_id: str,
        action: str,
        argument: Any,
    ) -> None:
        client = plugin.client_of(self)
        request_id = client.act_on_server(server_id, {action: argument})
        if not parsed_args.wait:
            return
        failed = [
            event
            for event in self._wait(client, server_id, request_id)
            if event['result'] != 'Success'
        ]
        if failed:
            reason = (
                failed[0].get('details')
                or self._last_errors(client, server_id, parsed_args)
                or _NOT_TOLD
            )
            raise exceptions.CommandError(
                f'{reason} (Request-ID: {request_id})'
            )
        sys.stderr.write('Complete\n')

    def _wait(
        self, client: api_client.PciClient, server_id: str, request_id: str
    ) -> list[api_client.Body]:
        """Wait for the end of an action, and return its events."""
        started = time.monotonic()
        while True:
            events = client.show_server_action(server_id, request_id)
            if events and all(event['finish_time'] for event in events):
                break
            _show_progress(f'Progress: {time.monotonic() - started:.0f} s')
            time.sleep(_POLL_INTERVAL)
        _show_progress('')
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


def _show_progress(text: str) -> None:
    """Replace the last line of a terminal; a log needs no progress."""
    if sys.stderr.isatty():
        sys.stderr.write(f'\r{_ERASE_LINE}{text}')
        sys.stderr.flush()


class AddServerPci(_ServerAction):
    """Attach PCI devices to a server: all that are requested, or none

    With --wait the IDs of the attached devices are printed.
    """

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
        for alias in parsed_args.alias or ():
            if not _ALIASES.fullmatch(alias):
                raise exceptions.CommandError(
                    f"'{alias}' is not of the form <alias:count>."
                )
        server_id = self._find_server(parsed_args)
        before = self._list_ids(server_id) if parsed_args.wait else []
        self._act(parsed_args, server_id, 'attach_pci', requests)
        if parsed_args.wait:
            for dev_id in self._list_ids(server_id):
                if dev_id not in before:
                    self.app.stdout.write(f'{dev_id}\n')

    def _list_ids(self, server_id: str) -> list[str]:
        """List the devices of the server that the user may see."""
        try:
            devices = plugin.client_of(self).list_server_devices(server_id)
        except exceptions.CommandError:
            return []
        return [each['dev_id'] for each in devices if 'dev_id' in each]


class RemoveServerPci(_ServerAction):
    """Detach PCI devices from a server: all that are named, or none"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'devices',
            metavar='<device>',
            nargs='+',
            help=(
                'Device (ID or address), as shown by "openstack server pci '
                'list"'
            ),
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        server_id = self._find_server(parsed_args)
        id_of = {}
        if any(map(_ADDRESS.fullmatch, parsed_args.devices)):
            id_of = {
                device.get('address'): device.get('dev_id')
                for device in plugin.client_of(self).list_server_devices(
                    server_id
                )
            }
        devices = [
            # The API refuses those that the server does not have.
            {'dev_id': id_of.get(device.lower()) or device}
            for device in parsed_args.devices
        ]
        self._act(parsed_args, server_id, 'detach_pci', devices)

    def _is_about(
        self, device: api_client.Body, parsed_args: argparse.Namespace
    ) -> bool:
        return not {
            device.get('dev_id'),
            device.get('address'),
        }.isdisjoint(parsed_args.devices)


class ReattachServerPci(_ServerAction):
    """Attach PCI devices that could not be attached after a live migration"""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        server_id = self._find_server(parsed_args)
        self._act(parsed_args, server_id, 'reattach_pci', None)

    def _is_about(
        self, device: api_client.Body, parsed_args: argparse.Namespace
    ) -> bool:
        return bool(device['state'] == 'failed')
