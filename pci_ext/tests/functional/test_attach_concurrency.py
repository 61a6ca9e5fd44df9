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

"""Many clients attach to and detach from the same servers at once."""

import concurrent.futures
import random
import threading
import time
from typing import Any

from pci_ext.tests.functional import test_attach

SERVERS, CLIENTS, OPERATIONS = 10, 20, 200

GPU = {
    'kind': 'gpu',
    'vendor_id': '8086',
    'product_id': '0001',
    'address': [f'0000:{bus:02x}:00.0' for bus in range(1, 13)],
}


class TestConcurrency(test_attach.AttachTestCase):
    """Twelve devices on one host."""

    HOSTS = {'host-1': [GPU]}
    POLL = 2
    # Twenty concurrent clients slow the services of a small machine.
    MORE_CONFIG = (
        '[DEFAULT]\nrpc_response_timeout = 180\nlong_rpc_timeout = 180\n'
    )

    def test_serves_200_concurrent_operations(self) -> None:
        servers = self.boot_without_devices(SERVERS)
        finished = threading.Event()
        outcomes: dict[tuple[str, str], int] = {}
        chooser = random.Random(4)
        seeds = [chooser.random() for _ in range(OPERATIONS)]
        with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
            watching = pool.submit(self.watch, finished)
            try:
                for outcome in pool.map(
                    lambda seed: self.operate(servers, seed), seeds
                ):
                    outcomes[outcome] = outcomes.get(outcome, 0) + 1
            finally:
                finished.set()
            self.assertLess(10, watching.result())
        self.assertEqual(OPERATIONS, sum(outcomes.values()))
        self.assertLess(0, outcomes['attach_pci', 'Success'])
        self.assertLess(0, outcomes['detach_pci', 'Success'])
        self.assertEqual({'Success'}, {result for _, result in outcomes})
        allocated = []
        for server in servers:
            devices = self.allocations(server)
            self.assertDevices(server, *devices)
            allocated += devices
        self.assertEqual(sorted(allocated), sorted(self.allocations()))
        self.assertEqual(len(allocated), len(set(allocated)))
        free = 12 - len(allocated)
        self.wait_until(
            lambda: self.pools() == ({'0001': free} if free else {})
        )

    def operate(self, servers: list[str], seed: float) -> tuple[str, str]:
        """Attach to or detach from a random server until it is accepted.

        A request is refused during another operation on the server, or if its
        devices are not available.

        :returns: the action and its result
        """
        chooser = random.Random(seed)
        while True:
            server = chooser.choice(servers)
            devices = self.allocations(server)
            if devices and chooser.random() < 0.6:
                action = 'detach_pci'
                argument: Any = [
                    test_attach.dev_id(chooser.choice(devices)),
                ]
            else:
                action = 'attach_pci'
                count = chooser.choice((1, 1, 2))
                argument = {test_attach.PCI_FLAVOR: f'{count}:one'}
            response = self.act(server, action, argument)
            if response.status == 202:
                return action, self.action_result(server, response)
            self.assertIn(response.status, (404, 409), response.data)
            time.sleep(chooser.uniform(2, 4))

    def watch(self, finished: threading.Event) -> int:
        """Check repeatedly that no device is in two domains.

        :param finished: ends the checks
        :returns: the number of checks
        """
        count = 0
        while not finished.is_set():
            found = [
                address
                for devices in self.domains().values()
                for address in devices
            ]
            self.assertEqual(sorted(set(found)), sorted(found))
            count += 1
            time.sleep(0.1)
        return count


class TestKilled(test_attach.AttachTestCase):
    """nova-compute is killed during an operation."""

    def test_resumes_a_detach_after_a_restart(self) -> None:
        server = self.boot('2:one')
        self.inject_faults(release_delay={'0000:02:00.0': 'never'}, timeout=60)
        response = self.act(
            server,
            'detach_pci',
            [
                test_attach.dev_id('0000:01:00.0'),
                test_attach.dev_id('0000:02:00.0'),
            ],
        )
        self.assertEqual(202, response.status, response.data)
        self.wait_until(lambda: self.domain(server) == ['0000:02:00.0'])
        self.inject_faults()
        self.cloud.kill_and_start()
        self.assertEqual('Success', self.action_result(server, response))
        self.assertDevices(server)

    def test_undoes_an_attach_after_a_restart(self) -> None:
        server = self.boot('1:two')
        self.inject_faults(attach_delay=60)
        response = self.act(
            server, 'attach_pci', {test_attach.PCI_FLAVOR: '2:one'}
        )
        self.assertEqual(202, response.status, response.data)
        self.cloud.kill_and_start()
        self.inject_faults()
        self.assertEqual('Error', self.action_result(server, response))
        self.assertDevices(server, '0000:03:00.0')
        self.assertEqual('Success', self.attach(server, '2:one'))
