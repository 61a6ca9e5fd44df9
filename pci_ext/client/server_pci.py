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

"""``openstack server pci``: list, migration plan."""

import argparse
from typing import Any

from osc_lib.cli import format_columns
from osc_lib.command import command

from pci_ext.client import plugin

#: Columns by key in the body of the API, in the order they are shown.
_COLUMNS = {
    'dev_id': 'Device ID',
    'address': 'Address',
    'vendor_id': 'Vendor ID',
    'product_id': 'Product ID',
}
_LONG_COLUMNS = {
    **_COLUMNS,
    'pci_flavor': 'PCI Flavor',
    'alternatives': 'Alternatives',
    'pci_name': 'Name',
    'status': 'Status',
    'attached': 'Attached',
    'state': 'State',
    'last_error': 'Last Error',
    'port_id': 'Port ID',
    'failover_port_id': 'Failover Port ID',
}

#: Fields of a plan that list the devices of one policy.
_FIELDS_BY_POLICY = {
    'detached': 'hotplug',
    'migrated': 'native',
    'blocked_by': 'forbid',
}


class ListServerPci(command.Lister):
    """List the PCI devices of a server"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'server', metavar='<server>', help='Server (name or ID)'
        )
        parser.add_argument(
            '--long',
            action='store_true',
            help='List additional fields: the request of each device',
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        manager: Any = self.app.client_manager
        found = manager.compute.find_server(
            parsed_args.server, ignore_missing=False, details=False
        )
        columns = _LONG_COLUMNS if parsed_args.long else _COLUMNS
        devices = plugin.client_of(self).list_server_devices(found.id)
        return tuple(columns.values()), tuple(
            tuple(_cell(device, key) for key in columns) for device in devices
        )


class _Preferences(format_columns.ListColumn):
    """A list whose order says something: the one of osc_lib sorts."""

    def human_readable(self) -> str:
        return ', '.join(self._value)


def _cell(device: dict[str, Any], key: str) -> Any:
    # Not all users may see the location of devices.
    value = device.get(key)
    return _Preferences(value) if isinstance(value, list) else value


class PlanServerPciMigration(command.ShowOne):
    """Plan the live migration of a server with PCI devices

    Only devices are compared, not the other needs of a server.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'server', metavar='<server>', help='Server (name or ID)'
        )
        parser.add_argument(
            '--host', metavar='<host>', help='Look at this host only'
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        manager: Any = self.app.client_manager
        found = manager.compute.find_server(
            parsed_args.server, ignore_missing=False, details=False
        )
        plan = plugin.client_of(self).plan_migration(
            found.id, parsed_args.host
        )
        fields = {
            'host': plan['host'],
            'reason': plan['reason'],
            **{
                field: _devices(plan, policy)
                for field, policy in _FIELDS_BY_POLICY.items()
            },
            'failover_ports': format_columns.ListColumn(
                [_failover_port(port) for port in plan['failover_ports']]
            ),
            'available': format_columns.DictColumn(
                {host['host']: _available(host) for host in plan['hosts']}
            ),
        }
        return tuple(fields), tuple(fields.values())


def _devices(plan: dict[str, Any], policy: str) -> format_columns.ListColumn:
    return format_columns.ListColumn(
        [
            device['address']
            for device in plan['devices']
            if device['live_migration'] == policy
        ]
    )


def _failover_port(port: dict[str, Any]) -> str:
    replaces = port['replaces']
    return str(port['port_id']) + (f' for {replaces}' if replaces else '')


def _available(host: dict[str, Any]) -> str:
    if not host['fits']:
        return str(host['explanation'])
    return ', '.join(
        f'{taken["count"]}:{taken["pci_flavor"]}'
        for taken in host['assignment']
    )
