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

from collections.abc import Mapping
from unittest import mock

from oslotest import base

from pci_ext.tests.functional.random_life import generator
from pci_ext.tests.functional.random_life import hosts as hosts_module
from pci_ext.tests.functional.random_life import invariants
from pci_ext.tests.functional.random_life import state as state_module
from pci_ext.tests.functional.random_life import steps


def _state(
    requests: Mapping[str, int],
    metadata: Mapping[str, str],
    migrations: tuple[state_module.Migration, ...] = (),
    allocations: tuple[tuple[str, str, str, int], ...] = (),
    vm_state: str = 'active',
    guests: Mapping[tuple[str, str], frozenset[str]] | None = None,
) -> state_module.State:
    """Return the state of a cloud with a server that has a device."""
    server = state_module.Server(
        *('uuid', 's1', 'host', vm_state, None),
        requests=requests,
        attaching=frozenset(),
        metadata=metadata,
    )
    device = state_module.Device('host', 'a', '0001', 'allocated', 'uuid', 'r')
    return state_module.State(
        servers={'uuid': server},
        devices=(device,),
        guests=guests or {},
        definitions={},
        migrations=migrations,
        pools={},
        unfinished_events=(),
        allocations=allocations,
        unscheduled=(),
    )


class LostRequestsTest(base.BaseTestCase):
    def check(
        self,
        *names: str,
        metadata: Mapping[str, str] | None = None,
        offered: str = '0001',
        left: int = 0,
    ) -> bool:
        """Return whether steps may take a request of the server away."""
        hosts = mock.create_autospec(hosts_module.Hosts, instance=True)
        hosts.offered.return_value = {'a': offered}
        return not invariants.check_lost_requests(
            _state({'r': 1}, metadata or {}),
            _state({'r': left}, {}),
            hosts,
            tuple(steps.Step(name, 's1') for name in names),
        )

    def test_steps_that_remove_none(self) -> None:
        for name in ('evacuate', 'stop', 'kill', 'live migrate'):
            self.assertFalse(self.check(name), name)
            self.assertTrue(self.check(name, left=1), name)

    def test_steps_that_may_remove_one(self) -> None:
        for name in ('detach', 'resize', 'revert', 'offer', 'hardware'):
            self.assertTrue(self.check('stop', name), name)

    def test_pending_detach(self) -> None:
        self.assertTrue(
            self.check('start', metadata={'pci_ext:detach:a': 'timed out'})
        )

    def test_withdrawn_device(self) -> None:
        self.assertTrue(self.check('start', offered='0002'))


class MarksTest(base.BaseTestCase):
    def check(self, vm_state: str, *devices: str) -> list[str]:
        """Return what does not hold if a detach of the device is pending.

        :param devices: those of the guest; without one there is no guest
        """
        hosts = mock.create_autospec(hosts_module.Hosts, instance=True)
        hosts.is_reported = False
        hosts.offered.return_value = {}
        state = _state(
            {'r': 1},
            {'pci_ext:detach:a': 'req 1 r'},
            vm_state=vm_state,
            guests={('host', 'uuid'): frozenset(devices)} if devices else {},
        )
        return [
            problem.text
            for problem in invariants.check(state, hosts)
            if problem.kind == 'marks'
        ]

    def test_guest_has_the_device(self) -> None:
        self.assertEqual([], self.check('active', 'a'))

    def test_guest_does_not_have_it(self) -> None:
        for vm_state in ('active', 'error'):
            [text] = self.check(vm_state, 'b')
            self.assertIn('detach of a is not pending', text)

    def test_no_guest(self) -> None:
        self.assertEqual(1, len(self.check('stopped')))
        # Its next start releases the device.
        self.assertEqual([], self.check('error'))


class ReportedDevicesTest(base.BaseTestCase):
    def check(
        self, *consumers: str, interrupted: tuple[str, ...] = ()
    ) -> list[str]:
        """Return what does not hold if they have the device in Placement.

        The server has a migration with the uuid "move".
        """
        hosts = mock.create_autospec(hosts_module.Hosts, instance=True)
        hosts.is_reported = True
        hosts.offered.return_value = {}
        move = state_module.Migration(
            *(1, 'uuid', 'move', 'running', 'host', None, 'migration')
        )
        state = _state(
            {'r': 1},
            {},
            (move,),
            tuple((each, 'host_A', 'CUSTOM_PCI_1', 1) for each in consumers),
        )
        return [
            problem.text
            for problem in invariants.check(state, hosts, interrupted)
            if problem.kind in ('placement', 'reported devices')
        ]

    def test_server_has_the_allocation(self) -> None:
        self.assertEqual([], self.check('uuid'))

    def test_migration_has_the_allocation(self) -> None:
        self.assertEqual([], self.check('move', interrupted=('move',)))

    def test_migration_was_deleted_with_its_server(self) -> None:
        problems = self.check('uuid', 'gone', interrupted=('gone',))
        self.assertEqual([], problems)

    def test_allocation_is_missing(self) -> None:
        [text] = self.check(interrupted=('move',))
        self.assertIn('has 0 allocations of uuid, on record are 1', text)

    def test_allocation_is_of_another_server(self) -> None:
        texts = self.check('uuid', 'other')
        self.assertIn(
            'host_A has 1 allocations of other, on record are 0', texts
        )


class GeneratorTest(base.BaseTestCase):
    def check(self, *names: str) -> None:
        """Check that no batch has two steps of these names for a server."""
        generated = generator.Generator(1, parallel=4)
        states = dict.fromkeys(generator.SERVERS, 'active')
        servers = [
            [
                step.server
                for step in generated.batch(states)
                if step.name in names
            ]
            for _ in range(1000)
        ]
        self.assertEqual(2, max(len(set(each)) for each in servers))
        for each in servers:
            self.assertEqual(len(set(each)), len(each), each)

    def test_moves_no_server_twice_at_the_same_time(self) -> None:
        self.check('resize', 'migrate')

    def test_suspends_no_server_twice_at_the_same_time(self) -> None:
        self.check('suspend')
