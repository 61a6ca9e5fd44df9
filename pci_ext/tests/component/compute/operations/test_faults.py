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

"""A fault at every step of attach and detach.

The step raises an exception before or after it did its work, or nova-compute
is killed before or after it. In the end each device is allocated to one
server or free, in all records and in the domain alike.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import functools

import fixtures
from nova import objects

from pci_ext import server_state
from pci_ext.compute.operations import attach
from pci_ext.compute.operations import detach
from pci_ext.compute.operations import operation
from pci_ext.compute.operations import steps
from pci_ext.compute.recovery import unfinished_servers
from pci_ext.tests import tags
from pci_ext.tests.component.compute import base

RAISED, KILLED = 'exception', 'killed'

#: The names of the steps of each operation.
ATTACH = (
    'check',
    'announce',
    'record',
    'claim',
    'accept',
    'attach',
    'release',
    'allocate',
    'verify',
    'complete',
    'confirm',
    'finish',
)
DETACH = (
    'check',
    'announce',
    'mark',
    'accept',
    'detach',
    'free',
    'complete',
    'record',
    'finish',
)


class Raised(Exception):
    pass


class Killed(BaseException):
    """Not handled by nova-compute."""


class Fault(fixtures.Fixture):
    """Make one step fail."""

    def __init__(self, step: str, kind: str, after: bool) -> None:
        self.step = step
        self.kind = kind
        self.after = after
        self.happened = False

    def _setUp(self) -> None:
        original = steps.run

        def run(operation_steps: Sequence[steps.Step]) -> None:
            original([self._break(step) for step in operation_steps])

        self.useFixture(fixtures.MockPatchObject(steps, 'run', run))

    def _break(self, step: steps.Step) -> steps.Step:
        if step.name != self.step:
            return step

        def do() -> None:
            if self.after:
                step.do()
            self.happened = True
            raise Raised() if self.kind == RAISED else Killed()

        return dataclasses.replace(step, do=do)


class OneFaultTestCase(base.HostTestCase):
    def attach(self, server: str) -> operation.Operation:
        return attach.Attach(
            self.compute,
            self.context,
            server,
            self.acquire(server, server_state.ATTACHING_PCI),
            [self.request(2)],
        )

    def detach(self, server: str) -> operation.Operation:
        return detach.Detach(
            self.compute,
            self.context,
            server,
            self.acquire(server, server_state.DETACHING_PCI),
            [device.dev_id for device in self.instance(server).pci_devices],
        )

    def outcome(
        self,
        begin: Callable[[str], operation.Operation],
        step: str,
        kind: str,
        after: bool,
    ) -> str:
        """Run an operation with a fault, and return its outcome."""
        server = self.create_server(2)
        other = self.create_server(0)
        before = self.devices(server)
        task = begin(server)
        with Fault(step, kind, after) as fault:
            self.assertRaises((Raised, Killed), task.run)
        self.assertTrue(fault.happened)
        if kind == KILLED:
            self.start()
        else:
            task.forget()
        self.assertConsistent(server, other)
        for found in unfinished_servers.find(self.context, base.HOST):
            self.assertFalse(found.is_unfinished)
        now = self.devices(server)
        self.release(server, other)
        if kind == KILLED and (step, after) != ('finish', True):
            self.assertEqual(
                'Error' if now == before else 'Success', self.result(server)
            )
        return 'undone' if now == before else f'done, {len(now)} devices'

    def result(self, server: str) -> str:
        """Return the result in the event of the operation."""
        action = objects.InstanceAction.get_by_request_id(
            self.context, server, self.context.request_id
        )
        [event] = objects.InstanceActionEventList.get_by_action(
            self.context, action.id
        )
        return str(event.result)

    def release(self, *servers: str) -> None:
        for server in servers:
            instance = self.instance(server)
            self.compute.rt.pci_tracker.free_instance(self.context, instance)
            self.compute.rt.pci_tracker.save(self.context)
            self.compute.driver._domains.stop(server)
            instance.destroy()


@tags.tag(tags.LONG)
class FaultsTestCase(OneFaultTestCase):
    def check_attach(self, step: str, kind: str, after: bool) -> None:
        outcome = self.outcome(self.attach, step, kind, after)
        # Killed with all devices in the guest: the attach is completed.
        attached = (ATTACH.index(step), after) >= (
            ATTACH.index('attach'),
            True,
        )
        done = attached and kind == KILLED
        self.assertEqual('done, 4 devices' if done else 'undone', outcome)

    def check_detach(self, step: str, kind: str, after: bool) -> None:
        outcome = self.outcome(self.detach, step, kind, after)
        freed = (DETACH.index(step), after) >= (DETACH.index('free'), True)
        marked = (DETACH.index(step), after) >= (DETACH.index('mark'), True)
        done = freed or (marked and kind == KILLED)
        self.assertEqual('done, 0 devices' if done else 'undone', outcome)

    def test_steps_of_attach(self) -> None:
        steps_of_attach = attach.Attach(
            self.compute, self.context, '', '', []
        )._steps()
        self.assertEqual(ATTACH, tuple(step.name for step in steps_of_attach))


class ReplacedDeviceTestCase(OneFaultTestCase):
    """Another device is attached in place of a busy one."""

    ADDRESSES = tuple(f'0000:0{bus}:00.0' for bus in range(1, 7))

    def attach(self, server: str) -> operation.Operation:
        used = set(self.devices(server))
        free = [each for each in self.ADDRESSES if each not in used]
        # All but these are claimed last.
        self.inject_faults(busy=[free[0], free[-1]])
        return super().attach(server)

    def check_attach(self, step: str, kind: str, after: bool) -> None:
        outcome = self.outcome(self.attach, step, kind, after)
        # Killed with one more device than requested: the attach is undone.
        released = (ATTACH.index(step), after) >= (
            ATTACH.index('release'),
            True,
        )
        done = released and kind == KILLED
        self.assertEqual('done, 4 devices' if done else 'undone', outcome)


def _add_tests(
    cases: type[OneFaultTestCase], check: str, operation_steps: Sequence[str]
) -> None:
    """Add a test for each fault at each step."""
    for step in operation_steps:
        for kind in RAISED, KILLED:
            for after in False, True:
                test = functools.partialmethod(
                    getattr(cases, f'check_{check}'),
                    step,
                    kind,
                    after,
                )
                when = 'after' if after else 'before'
                name = f'test_{check}_{step}_{kind}_{when}'
                setattr(cases, name, test)


_add_tests(FaultsTestCase, 'attach', ATTACH)
_add_tests(FaultsTestCase, 'detach', DETACH)
_add_tests(ReplacedDeviceTestCase, 'attach', ('attach', 'release', 'allocate'))
