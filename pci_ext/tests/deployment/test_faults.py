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

"""Services that end during an operation."""

import signal

from pci_ext.tests import tags
from pci_ext.tests.deployment import faults
from pci_ext.tests.deployment.cloud import computes
from pci_ext.tests.functional import test_attach

SERVERS = 8


class TestMessages(faults.FaultsTestCase):
    def test_restart_during_20_attaches(self) -> None:
        servers = self.boot_without_devices(20)
        self.inject_faults(attach_delay=0.5)
        outcomes = faults.run_with_fault(
            lambda number: self.try_attach(servers[number]),
            20,
            lambda: self.deployed.restart('rabbitmq'),
        )
        self.inject_faults()
        self.assertAgreement()
        attached = ['attached' for _ in self.allocations()]
        # The services work again.
        self.assertEqual('Success', self.attach(servers[0], '1:one'))
        self.assertAgreement()
        self.report(
            'RabbitMQ restarted during 20 attaches', [*outcomes, *attached]
        )


class TestDatabase(faults.FaultsTestCase):
    def test_restart_during_20_boots(self) -> None:
        boot = self.make_boot()
        outcomes = faults.run_with_fault(
            lambda _: boot(),
            20,
            lambda: self.deployed.restart('mariadb'),
        )
        statuses = self.wait_for_stable_statuses()
        self.delete_unfinished()
        self.assertAgreement()
        server = self.boot('1:one')
        self.assertEqual('Success', self.attach(server, '1:one'))
        self.assertAgreement()
        self.report(
            'MariaDB restarted during 20 boots', [*outcomes, *statuses]
        )


@tags.tag(tags.DEPLOY_SHORT)
class TestKilled(faults.FaultsTestCase):
    def kill(self) -> None:
        self.deployed.restart(computes.service('host-1'), signal.SIGKILL)

    def start_attach(self, delay: float) -> tuple[str, object]:
        """Start to attach two devices.

        :param delay: seconds for the attach of each device
        """
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
        self, server: str, response: object, done: str, expected: list[str]
    ) -> None:
        """Check that an attach is undone, and that a new one succeeds.

        :param expected: the devices before the attach
        """
        before = self.statuses()
        self.inject_faults()
        self.kill()
        self.assertEqual('Error', self.action_result(server, response))
        self.assertAgreement()
        self.assertEqual({server: expected}, self.records())
        self.assertEqual('Success', self.attach(server, '2:one'))
        self.assertAgreement()
        self.report(f'{done}, with devices {", ".join(before)}', ['Error'])

    def test_undoes_an_attach_killed_after_the_claim(self) -> None:
        server, response = self.start_attach(delay=60)
        self.wait_until(lambda: len(self.statuses()) == 3)
        expected = self.running()[server]
        self.assertEqual(1, len(expected))
        self.assertUndone(
            *(server, response),
            'nova-compute killed between claim and attach',
            expected,
        )

    def test_undoes_an_attach_killed_before_the_save(self) -> None:
        server, response = self.start_attach(delay=10)
        expected = self.running()[server]
        # The delay of the second device.
        self.inject_faults(attach_delay=60)
        self.wait_until(lambda: len(self.running()[server]) == 2)
        self.assertUndone(
            *(server, response),
            'nova-compute killed between attach and save',
            expected,
        )


class TestRestarts(faults.FaultsTestCase):
    """Each service is restarted while devices are attached and detached."""

    NAMES = (
        *('keystone', 'glance-api', 'placement', 'neutron', 'nova-api'),
        *('nova-scheduler', 'nova-conductor', 'nova-compute-host-1'),
    )

    def test_services_restart_during_operations(self) -> None:
        servers = self.boot_without_devices(SERVERS)
        for name in self.NAMES:
            outcomes = faults.run_with_fault(
                lambda number: self.attach_or_detach(servers[number]),
                SERVERS,
                lambda name=name: self.deployed.restart(name),
            )
            self.assertAgreement()
            self.report(
                f'{name} restarted during {SERVERS} attaches or detaches',
                outcomes,
            )

    def attach_or_detach(self, server: str) -> str:
        """Detach a device of the server, or attach one if it has none."""
        devices = self.allocations(server)
        if not devices:
            return self.try_attach(server)
        return self.try_detach(server, devices[0])
