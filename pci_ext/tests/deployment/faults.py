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

"""Checks after a fault, on simulated hosts of a deployment."""

import collections
from collections.abc import Callable
from collections.abc import Iterable
import concurrent.futures
import os
import time
from typing import Any
import unittest

import urllib3

from pci_ext.tests.deployment import base
from pci_ext.tests.deployment.cloud import bringup
from pci_ext.tests.deployment.cloud import databases
from pci_ext.tests.deployment.cloud import report
from pci_ext.tests.deployment.cloud import state_directory
from pci_ext.tests.functional import test_attach

DEVICES = 24

GPU = {
    'kind': 'gpu',
    'vendor_id': '8086',
    'product_id': '0001',
    'address': [f'0000:{bus:02x}:00.0' for bus in range(1, DEVICES + 1)],
}

#: Seconds until all records agree: nova-compute ends a stale operation after
#: twice the time that nova-api waits for a response.
AGREEMENT = 300

#: Seconds without a change of status until all are final.
QUIET = 60

_ALL_SERVERS = '/servers/detail?all_tenants=1'

#: The outcome of a request without a response.
NO_ANSWER = 'no answer'


def _is_unfinished(server: dict[str, Any]) -> bool:
    return (
        server['status'] == 'BUILD'
        or server['OS-EXT-STS:task_state'] == 'deleting'
    )


def run_with_fault(
    act: Callable[[int], str], count: int, inject: Callable[[], None]
) -> list[str]:
    """Act several times, six at once, and inject a fault meanwhile.

    :param act: called with each number; returns an outcome
    :param count: the number of calls
    :param inject: called after a fifth of the calls
    :returns: the outcomes
    """
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        outcomes = [pool.submit(act, number) for number in range(count)]
        while sum(each.done() for each in outcomes) < count // 5:
            time.sleep(0.05)
        inject()
        return [each.result() for each in outcomes]


def summarize(outcomes: Iterable[str]) -> str:
    """Return how often each outcome is there."""
    counts = collections.Counter(outcomes)
    return ', '.join(f'{each}: {n}' for each, n in sorted(counts.items()))


class FaultsTestCase(test_attach.AttachTestCase):
    """One host with 24 devices, in a deployment with injected faults."""

    HOSTS = {'host-1': [GPU]}
    POLL = 0.5

    state: state_directory.State
    deployed: bringup.Cloud

    @classmethod
    def setUpClass(cls) -> None:
        if not os.environ.get(base.ENVIRONMENT):
            raise unittest.SkipTest('tests a deployment')
        cls.deployed = base.deployed()
        cls.state = cls.deployed.state
        super().setUpClass()

    def try_request(
        self, method: str, path: str, body: object = None
    ) -> urllib3.BaseHTTPResponse | None:
        """Send a request to nova-api; return None if it does not respond."""
        try:
            return self.request(method, path, body)
        except urllib3.exceptions.HTTPError:
            return None

    def outcome(self, method: str, path: str, body: object = None) -> str:
        """Send a request, and return its status, or that there is none."""
        response = self.try_request(method, path, body)
        return NO_ANSWER if response is None else str(response.status)

    def try_attach(self, server: str) -> str:
        """Attach a device, and return the outcome of the request."""
        return self.outcome(
            'POST',
            f'/servers/{server}/action',
            {'attach_pci': {test_attach.PCI_FLAVOR: '1:one'}},
        )

    def try_detach(self, server: str, address: str) -> str:
        """Detach a device, and return the outcome of the request."""
        return self.outcome(
            'POST',
            f'/servers/{server}/action',
            {'detach_pci': [test_attach.dev_id(address)]},
        )

    def make_boot(self) -> Callable[[], str]:
        """Return a function that boots a server with a device.

        All servers are deleted after the test.

        :returns: a function that returns the outcome of the request
        """
        name = self.create_flavor('1:one')
        flavor = self.openstack('flavor', 'show', name)['id']
        [image] = self.openstack('image', 'list')
        self.addCleanup(self.delete_all)

        def boot() -> str:
            server = {
                'name': self.unique_name('server'),
                'flavorRef': flavor,
                'imageRef': image['ID'],
                'networks': 'none',
            }
            return self.outcome('POST', '/servers', {'server': server})

        return boot

    def servers(self) -> list[dict[str, Any]]:
        """Return all servers, once nova-api answers."""
        response = self.wait_until(
            lambda: (
                (found := self.try_request('GET', _ALL_SERVERS))
                and found.status == 200
                and found
            )
        )
        return list(response.json()['servers'])

    def wait_for_stable_statuses(self) -> list[str]:
        """Wait until no status changes, and return the statuses."""
        seen, since = None, time.monotonic()
        while True:
            servers = self.servers()
            statuses = sorted(each['status'] for each in servers)
            if statuses != seen:
                seen, since = statuses, time.monotonic()
            elif time.monotonic() - since > QUIET or not any(
                map(_is_unfinished, servers)
            ):
                return statuses
            time.sleep(1)

    def delete_unfinished(self) -> None:
        """Delete the servers that Nova could not boot or delete.

        Nova leaves servers in BUILD if nova-conductor could not save the
        error.
        """
        for server in self.servers():
            if server['status'] == 'ERROR' or _is_unfinished(server):
                self._delete(server)

    def delete_all(self) -> None:
        for server in self.servers():
            self._delete(server)

    def _delete(self, server: dict[str, Any]) -> None:
        if server['OS-EXT-STS:task_state'] == 'deleting':
            # Nova ignores another request, until an administrator does this
            # or nova-compute is restarted.
            self.act(server['id'], 'os-resetState', {'state': 'error'})
        self.delete_server(server['id'])

    def records(self) -> dict[str, list[str]]:
        """Return the devices of each server in the database."""
        found: dict[str, list[str]] = {}
        for status, server, address in self.cloud.query(
            'SELECT status, instance_uuid, address FROM pci_devices '
            "WHERE deleted = 0 AND status <> 'available'"
        ):
            self.assertEqual('allocated', status, address)
            found.setdefault(server, []).append(address)
        return {server: sorted(has) for server, has in found.items()}

    def running(self) -> dict[str, list[str]]:
        """Return the devices of each domain with devices."""
        return {server: has for server, has in self.domains().items() if has}

    def consumers(self) -> set[str]:
        """Return the servers with allocations in Placement."""
        rows = databases.query(
            self.state, 'SELECT consumer_id FROM placement.allocations'
        )
        return {row[0] for row in rows}

    def unfinished_events(self) -> list[tuple[str, ...]]:
        """Return the events of attaches and detaches without an end."""
        return self.cloud.query(
            'SELECT event, start_time FROM instance_actions_events '
            'WHERE finish_time IS NULL AND event LIKE :ours',
            ours='%_pci',
        )

    def disagreement(self) -> Any:
        """Return the first disagreement of the records, None without one."""
        try:
            records = self.records()
        except AssertionError as error:
            return str(error)
        response = self.try_request('GET', _ALL_SERVERS)
        if response is None or response.status != 200:
            return 'nova-api does not respond'
        servers = response.json()['servers']
        for server in servers:
            if server['OS-EXT-STS:task_state']:
                return f'{server["id"]} is {server["OS-EXT-STS:task_state"]}'
            shown = sorted(each['address'] for each in server['pci_devices'])
            if shown != records.get(server['id'], []):
                return f'{server["id"]} is shown with {shown}, not {records}'
        if records != self.running():
            return f'records {records}, domains {self.running()}'
        if (definitions := self.definitions('host-1')) != self.domains():
            return f'definitions {definitions}, domains {self.domains()}'
        free = DEVICES - sum(map(len, records.values()))
        if self.pools() != ({'0001': free} if free else {}):
            return f'{free} are free, pools {self.pools()}'
        placed = {
            server['id'] for server in servers if server['status'] != 'ERROR'
        }
        if self.consumers() != placed:
            return f'allocations of {self.consumers()}, servers {placed}'
        if unfinished := self.unfinished_events():
            return f'events without an end: {unfinished}'
        return None

    def assertAgreement(self) -> None:
        """Wait until claims, domains, pools, API and Placement agree.

        The event of each attach and detach must have ended too.
        """
        deadline = time.monotonic() + AGREEMENT
        while (found := self.disagreement()) is not None:
            self.assertLess(time.monotonic(), deadline, found)
            time.sleep(1)

    def report(self, done: str, outcomes: list[str]) -> None:
        """Add a fault and the outcomes of its requests to the table."""
        report.add(self.state, done, summarize(outcomes))
