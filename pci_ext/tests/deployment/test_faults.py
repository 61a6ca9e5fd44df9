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

"""Services that end in the middle of an operation."""

import signal
import time

from pci_ext.tests import tags
from pci_ext.tests.deployment import faults
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.functional import test_attach

SERVERS = 8

#: Seconds without a change after which none is expected.
QUIET = 60


class TestMessages(faults.FaultsTestCase):
    def test_restart_during_20_attaches(self) -> None:
        servers = self.boot_without_devices(20)
        self.inject_faults(attach_delay=0.5)
        outcomes = self.while_it_happens(
            lambda number: self.try_attach(servers[number]),
            20,
            lambda: self.deployed.restart('rabbitmq'),
        )
        self.inject_faults()
        self.assertAgreement()
        attached = ['attached' for _ in self.allocations()]
        # All goes on as before.
        self.assertEqual('Success', self.attach(servers[0], '1:one'))
        self.assertAgreement()
        self.report(
            'RabbitMQ restarted during 20 attaches', [*outcomes, *attached]
        )


class TestDatabase(faults.FaultsTestCase):
    def boot_one(self, flavor: str, image: str) -> str:
        body = {
            'name': self.unique_name('server'),
            'flavorRef': flavor,
            'imageRef': image,
            'networks': 'none',
        }
        response = self.try_request('POST', '/servers', {'server': body})
        return faults.LOST if response is None else str(response.status)

    def test_restart_during_20_boots(self) -> None:
        name = self.create_flavor('1:one')
        flavor = self.openstack('flavor', 'show', name)['id']
        [image] = self.openstack('image', 'list')
        self.addCleanup(self.delete_all)
        outcomes = self.while_it_happens(
            lambda _: self.boot_one(flavor, image['ID']),
            20,
            lambda: self.deployed.restart('mariadb'),
        )
        statuses = self.settled()
        # Nova leaves those in BUILD whose conductor could not even note that
        # they failed; the test deletes them.
        for server in self.servers():
            if server['status'] in ('BUILD', 'ERROR'):
                self.delete_server(server['id'])
        self.assertAgreement()
        server = self.boot('1:one')
        self.assertEqual('Success', self.attach(server, '1:one'))
        self.assertAgreement()
        self.report(
            'MariaDB restarted during 20 boots', [*outcomes, *statuses]
        )

    def servers(self) -> list[dict[str, str]]:
        response = self.try_request('GET', '/servers/detail?all_tenants=1')
        assert response is not None
        return list(response.json()['servers'])

    def settled(self) -> list[str]:
        """Wait until no status changes any more, and give them."""
        seen, since = None, time.monotonic()
        while True:
            statuses = sorted(each['status'] for each in self.servers())
            if statuses != seen:
                seen, since = statuses, time.monotonic()
            elif time.monotonic() - since > QUIET or 'BUILD' not in statuses:
                return statuses
            time.sleep(1)

    def delete_all(self) -> None:
        for server in self.servers():
            self.delete_server(server['id'])


@tags.tag(tags.DEPLOY_SHORT)
class TestKilled(faults.FaultsTestCase):
    def kill(self) -> None:
        self.deployed.restart(computes.service('host-1'), signal.SIGKILL)

    def begin(self, delay: float) -> tuple[str, object]:
        """Begin to attach two devices that take some seconds each."""
        server = self.boot('1:one')
        self.inject_faults(attach_delay=delay)
        response = self.act(
            server, 'attach_pci', {test_attach.PCI_FLAVOR: '2:one'}
        )
        self.assertEqual(202, response.status, response.data)
        return server, response

    def statuses(self) -> list[str]:
        rows = self.cloud.query(
            'SELECT status FROM pci_devices '
            "WHERE deleted = 0 AND status <> 'available'"
        )
        return sorted(row[0] for row in rows)

    def assertUndone(
        self, server: str, response: object, done: str, kept: list[str]
    ) -> None:
        """Check that the server has what it had, and can have more.

        :param kept: the devices that it had
        """
        before = self.statuses()
        self.inject_faults()
        self.kill()
        self.assertEqual('Error', self.action_result(server, response))
        self.assertAgreement()
        self.assertEqual({server: kept}, self.records())
        self.assertEqual('Success', self.attach(server, '2:one'))
        self.assertAgreement()
        self.report(f'{done}, with devices {", ".join(before)}', ['Error'])

    def test_between_claim_and_attach(self) -> None:
        server, response = self.begin(delay=60)
        self.wait_until(lambda: len(self.statuses()) == 3)
        kept = self.running()[server]
        self.assertEqual(1, len(kept))
        self.assertUndone(
            *(server, response),
            'nova-compute killed between claim and attach',
            kept,
        )

    def test_between_attach_and_save(self) -> None:
        server, response = self.begin(delay=10)
        kept = self.running()[server]
        # The second one.
        self.inject_faults(attach_delay=60)
        self.wait_until(lambda: len(self.running()[server]) == 2)
        self.assertUndone(
            *(server, response),
            'nova-compute killed between attach and save',
            kept,
        )


class TestRestarts(faults.FaultsTestCase):
    """Each service in turn, while devices are attached and detached."""

    NAMES = (
        *('keystone', 'glance-api', 'placement', 'neutron', 'nova-api'),
        *('nova-scheduler', 'nova-conductor', 'nova-compute-host-1'),
    )

    def test_in_turn_under_load(self) -> None:
        servers = self.boot_without_devices(SERVERS)
        for name in self.NAMES:
            outcomes = self.while_it_happens(
                lambda number: self.turn(servers[number]),
                SERVERS,
                lambda name=name: self.deployed.restart(name),
            )
            self.assertAgreement()
            self.report(
                f'{name} restarted during {SERVERS} attaches or detaches',
                outcomes,
            )

    def turn(self, server: str) -> str:
        """Detach what the server has, or attach where it has nothing."""
        devices = self.allocations(server)
        if not devices:
            return self.try_attach(server)
        response = self.try_request(
            'POST',
            f'/servers/{server}/action',
            {'detach_pci': [test_attach.dev_id(devices[0])]},
        )
        return faults.LOST if response is None else str(response.status)
