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

"""Base of the tests of live migration between two hosts, with faults."""

import re
from typing import Any
from typing import ClassVar

from pci_ext.tests.functional import fault_injection

CONFIG = """
[pci_ext]
pci_information = [{"vendor_id": "8086"}, {}]
pci_flavor_attrs = product_id, vendor_id
reattach_attempts = 5
reattach_delay = 0.3
fake_faults = %(faults)s

[DEFAULT]
max_concurrent_live_migrations = 4
# Claims must survive the periodic tasks during a migration.
update_resources_interval = 1
periodic_fuzzy_delay = 0
"""

#: The log line of each step, by the name of the step.
STEPS = {
    'claim': r'PCI devices (.+) are claimed',
    'detach': r'PCI device (\S+) is detached',
    'run': r'Post operation of migration (started)',
    'attach': r'PCI device (\S+) is attached',
}


class LiveMigrationTestCase(fault_injection.FaultInjectionTestCase):
    """Servers that are migrated live.

    :cvar LIVE_MIGRATION: by the product id of its devices, the live migration
        policy of each PCI flavor
    """

    ALLINONE_ONLY = 'moves domains between hosts simulated in one process'

    TEMPLATE = CONFIG
    LIVE_MIGRATION: ClassVar[dict[str, str]] = {
        '0001': 'hotplug',
        '0002': 'forbid',
        '0003': 'native',
    }

    def setUp(self) -> None:
        super().setUp()
        # By server, the migrations before the latest request.
        self._earlier_migrations: dict[str, set[int]] = {}
        for product_id, policy in self.LIVE_MIGRATION.items():
            self.shell.run(
                *('pci', 'flavor', 'create', f'p{product_id}'),
                *('--property', f'product_id={product_id}'),
                *('--live-migration', policy),
            )
            self.addCleanup(
                self.shell.run, 'pci', 'flavor', 'delete', f'p{product_id}'
            )

    def other_host(self, server: str) -> str:
        return {'host-1': 'host-2', 'host-2': 'host-1'}[self.host_of(server)]

    def start_migration(self, server: str) -> Any:
        """Request a live migration to a host that the scheduler selects."""
        self._earlier_migrations[server] = {
            each['id'] for each in self._all_migrations(server)
        }
        return self.request(
            'POST',
            f'/servers/{server}/action',
            {'os-migrateLive': {'host': None, 'block_migration': 'auto'}},
        )

    def wait_until_idle(self, server: str) -> dict[str, Any]:
        def idle() -> dict[str, Any] | None:
            shown = self.show(server)
            return None if shown['OS-EXT-STS:task_state'] else shown

        return dict(self.wait_until(idle))

    def migrate(self, server: str) -> dict[str, Any]:
        """Migrate a server, and return the record of the migration."""
        response = self.start_migration(server)
        self.assertEqual(202, response.status, response.data)
        self.wait_until_idle(server)
        return self.migration(server)

    def migrations(self, server: str) -> list[dict[str, Any]]:
        """Return the records of migrations since the latest request.

        The newest is first. There is none until nova-conductor has created it.
        """
        earlier = self._earlier_migrations[server]
        return [
            each
            for each in self._all_migrations(server)
            if each['id'] not in earlier
        ]

    def _all_migrations(self, server: str) -> list[dict[str, Any]]:
        path = f'/os-migrations?instance_uuid={server}'
        response = self.request('GET', path)
        return list(response.json()['migrations'])

    def migration(self, server: str) -> dict[str, Any]:
        """Return the record of the last migration after its end."""

        def ended() -> dict[str, Any] | None:
            [found] = self.migrations(server)[:1] or [None]
            running = ('accepted', 'queued', 'preparing', 'running')
            return None if found and found['status'] in running else found

        return dict(self.wait_until(ended))

    def abort_when(self, status: str, server: str) -> None:
        """Abort a migration as soon as it has a status."""

        def in_status() -> dict[str, Any] | None:
            [found] = self.migrations(server)[:1] or [None]
            return found if found and found['status'] == status else None

        migration = self.wait_until(in_status)
        response = self.request(
            'DELETE', f'/servers/{server}/migrations/{migration["id"]}'
        )
        self.assertEqual(202, response.status, response.data)

    def abort_transfer(self, server: str) -> None:
        """Abort a migration whose devices are detached from the guest."""
        # Until then the abort does not reach the driver.
        self.wait_until(
            lambda: self.events(server).get('compute_detach_pci') == 'Success'
        )
        self.abort_when('running', server)

    def create_on(self, host: str, flavor: str) -> str:
        """Create a server on a host, and return its id."""
        return self.create_server(flavor, '--host', host)

    def events(self, server: str) -> dict[str, str]:
        """Return the results of the events of the last live migration."""
        path = f'/servers/{server}/os-instance-actions'
        actions = self.request('GET', path).json()['instanceActions']
        [last] = [
            action['request_id']
            for action in actions
            if action['action'] == 'live-migration'
        ][:1]
        shown = self.request('GET', f'{path}/{last}').json()
        return {
            event['event']: event['result']
            for event in reversed(shown['instanceAction']['events'])
        }

    def domains(self, server: str) -> dict[str, list[str]]:
        """Return the devices of the domain of a server, by its host."""
        found = {}
        for host in self.HOSTS:
            guests = self.guests(host)
            if server in guests:
                found[host] = guests[server]
        return found

    def listed_devices(self, server: str) -> list[dict[str, Any]]:
        response = self.request('GET', f'/servers/{server}/os-pci-devices')
        return list(response.json()['pci_devices'])

    def device_states(self, server: str) -> set[str]:
        return {device['state'] for device in self.listed_devices(server)}

    def steps(self, server: str) -> list[tuple[str, str]]:
        """Return the steps of the migrations of a server, in order of time."""
        found = []
        for line in self.cloud.log_lines(server):
            for step, pattern in STEPS.items():
                match = re.search(pattern, line)
                if match:
                    found.append((step, match[1]))
        return found

    def assertRunsOn(self, server: str, host: str, *buses: str) -> None:
        """Check that a server runs on a host, with devices of this host only.

        :param buses: the PCI buses of the devices
        """
        self.wait_until(
            lambda: (
                [len(found) for found in self.domains(server).values()]
                == [len(buses)]
            )
        )
        shown = self.wait_until_idle(server)
        self.assertEqual('ACTIVE', shown['status'], shown)
        self.assertEqual(host, shown['OS-EXT-SRV-ATTR:host'])
        domains = self.domains(server)
        self.assertEqual([host], list(domains))
        self.assertEqual(
            sorted(buses), [address[5:7] for address in domains[host]]
        )
        self.wait_until(lambda: self.device_states(server) == {'attached'})
        expected = [(host, address) for address in domains[host]]
        self.wait_until(lambda: self.devices_in_use(server) == expected)

    def devices_in_use(
        self, server: str | None = None
    ) -> list[tuple[str, str]]:
        """Return the devices that are claimed or allocated on any host.

        :param server: return the devices of this server only
        """
        found = self.request('GET', '/os-pci-devices').json()['pci_devices']
        return sorted(
            (device['host'], device['address'])
            for device in found
            if device['status'] in ('claimed', 'allocated')
            and server in (None, device['server_uuid'])
        )
