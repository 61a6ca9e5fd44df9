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

"""Services that are away for a while in the middle of 20 operations."""

from collections.abc import Callable
from collections.abc import Sequence
import functools
import itertools
import signal
import time

from pci_ext.tests.deployment import faults
from pci_ext.tests.deployment.cloud import computes

#: Seconds for which a service is away.
OUTAGE = 20

#: Operations of each kind, which take turns.
ATTACHES, DETACHES, BOOTS, DELETES = 7, 6, 4, 3

HOST = computes.service('host-1')


class TestOutages(faults.FaultsTestCase):
    """After each outage all agree, without a restart by hand."""

    def test_libvirt(self) -> None:
        def be_away() -> None:
            self.inject_faults(attach_delay=1, unreachable=True)
            time.sleep(OUTAGE)
            self.inject_faults()

        self.check('The hypervisor', be_away)

    def test_messages(self) -> None:
        self.check_service('rabbitmq')

    def test_database(self) -> None:
        self.check_service('mariadb')

    def test_placement(self) -> None:
        self.check_service('placement')

    def check_service(self, name: str) -> None:
        def be_away() -> None:
            self.deployed.stop(name)
            time.sleep(OUTAGE)
            self.deployed.start(name)

        self.check(name, be_away)

    def test_compute_is_terminated(self) -> None:
        self.check(
            'nova-compute',
            lambda: self.deployed.restart(HOST, signal.SIGTERM),
            'ended by SIGTERM',
        )

    def check(
        self,
        service: str,
        be_away: Callable[[], None],
        done: str = f'away for {OUTAGE} s',
    ) -> None:
        """Check that all agree after an outage during 20 operations."""
        acts = self.operations()
        self.inject_faults(attach_delay=1)
        outcomes = faults.run_with_fault(
            lambda number: acts[number](), len(acts), be_away
        )
        self.inject_faults()
        self.wait_for_stable_statuses()
        self.delete_unfinished()
        self.assertAgreement()
        server = self.boot('1:one')
        self.assertEqual('Success', self.attach(server, '1:one'))
        self.assertAgreement()
        self.report(
            f'{service} {done} during {len(acts)} operations', outcomes
        )

    def operations(self) -> list[Callable[[], str]]:
        """Prepare operations, and return them in turns of their kinds."""
        without = self.boot_without_devices(ATTACHES)
        detached = [self.boot('1:one') for _ in range(DETACHES)]
        deleted = [self.boot('1:one') for _ in range(DELETES)]
        devices = self.running()
        kinds: Sequence[Sequence[Callable[[], str]]] = (
            [functools.partial(self.try_attach, each) for each in without],
            [
                functools.partial(self.try_detach, each, devices[each][0])
                for each in detached
            ],
            [self.make_boot()] * BOOTS,
            [
                functools.partial(self.outcome, 'DELETE', f'/servers/{each}')
                for each in deleted
            ],
        )
        turns = itertools.zip_longest(*kinds)
        return [act for turn in turns for act in turn if act]
