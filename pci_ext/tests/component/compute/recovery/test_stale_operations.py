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

"""Stale operations: the server has one, but its host does not run it."""

from collections.abc import Callable
import types
from typing import Any

import fixtures
from nova import manager
from nova import objects

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import rpcapi
from pci_ext.compute.operations import reattach
from pci_ext.compute.recovery import periodic_tasks
from pci_ext.compute.recovery import stale_operations
from pci_ext.tests.component.compute import base
from pci_ext.tests.component.compute.operations import test_faults

#: In seconds; twice the timeout of nova-api.
TIMEOUT = 120


class StaleTestCase(base.HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf.config(rpc_response_timeout=TIMEOUT // 2)
        self.now = 1000.0
        self.useFixture(
            fixtures.MockPatchObject(
                stale_operations,
                'time',
                types.SimpleNamespace(monotonic=lambda: self.now),
            )
        )
        self.server = self.create_server(1)

    def check(self, after: float = 0) -> None:
        self.now += after
        periodic_tasks.run(
            self.compute, self.context, 'end_stale_pci_operations'
        )

    def check_after_timeout(self) -> None:
        """Check before and after the timeout of a stale operation."""
        self.check()
        self.check(after=TIMEOUT)

    def assertTaskState(self, task_state: str) -> None:
        instance = self.instance(self.server)
        self.assertEqual(task_state, instance.task_state)

    def assertActionFailed(self, action: str, *texts: str) -> None:
        """Check that the only event of an operation is an error."""
        found = objects.InstanceAction.get_by_request_id(
            self.context, self.server, self.context.request_id
        )
        self.assertEqual((action, 'Error'), (found.action, found.message))
        [event] = objects.InstanceActionEventList.get_by_action(
            self.context, found.id
        )
        self.assertEqual('Error', event.result)
        self.assertIsNotNone(event.finish_time)
        for text in texts:
            self.assertIn(text, event.details)


class StaleTest(StaleTestCase):
    def test_ends_a_stale_attach(self) -> None:
        self.acquire(self.server, server_state.ATTACHING_PCI)
        self.check()
        self.check(after=TIMEOUT - 1)
        self.assertTaskState(server_state.ATTACHING_PCI)
        self.check(after=1)
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        self.assertActionFailed(
            'attach_pci',
            'did not run on the compute host',
            'no device was attached',
        )
        self.assertIn('it is ended', self.stdlog.logger.output)

    def test_ends_a_stale_detach(self) -> None:
        self.acquire(self.server, server_state.DETACHING_PCI)
        self.check_after_timeout()
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        self.assertActionFailed(
            'detach_pci',
            'did not run on the compute host',
            'no device was detached',
        )

    def test_ends_a_stale_reattach(self) -> None:
        self.acquire(self.server, server_state.ATTACHING_PCI)
        # The task state is the same as that of an attach.
        operation_id = f'{self.context.request_id}-again'
        self.context.request_id = operation_id
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = operation_id
        instance.save()
        objects.InstanceAction.action_start(
            self.context, self.server, 'reattach_pci', want_result=False
        )
        self.check_after_timeout()
        self.assertConsistent(self.server)
        self.assertActionFailed(
            'reattach_pci',
            'did not run on the compute host',
            'will be tried again',
        )

    def test_ends_a_stale_attach_while_a_reattach_waits(self) -> None:
        """It waits between two attempts, as long as an operation goes on."""
        context = reattach.start_action(self.server)
        self.acquire(self.server, server_state.ATTACHING_PCI)
        waits = []

        def wait(seconds: float) -> bool:
            waits.append(seconds)
            self.assertLess(len(waits), 5)
            self.check(after=TIMEOUT)
            return False

        self.manager.workers.shutdown.wait = wait
        self.manager.workers.retry_reattach(context, self.server)
        self.assertEqual(2, len(waits))
        self.assertConsistent(self.server)
        self.assertActionFailed('attach_pci', 'no device was attached')

    def test_refuses_a_late_call(self) -> None:
        operation_id = self.acquire(self.server, server_state.ATTACHING_PCI)
        instance = self.instance(self.server)
        self.check_after_timeout()
        answer = self.endpoint.attach_pci(
            self.context, instance, operation_id, [self.request(1)]
        )
        error = self.assertRaises(
            exception.PciActionRefused, rpcapi.unpack, answer
        )
        self.assertIn('given up', error.format_message())
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        # Clients that wait for the end of the action see two events.
        action = objects.InstanceAction.get_by_request_id(
            self.context, self.server, operation_id
        )
        events = objects.InstanceActionEventList.get_by_action(
            self.context, action.id
        )
        self.assertEqual(['Error'] * 2, [event.result for event in events])

    def test_refuses_a_late_call_for_a_server_in_deletion(self) -> None:
        operation_id = self.acquire(self.server, server_state.DETACHING_PCI)
        instance = self.instance(self.server)
        instance.task_state = 'deleting'
        instance.save()
        answer = self.endpoint.detach_pci(
            self.context, instance, operation_id, ['pci_0000_02_00_0']
        )
        error = self.assertRaises(
            exception.PciActionRefused, rpcapi.unpack, answer
        )
        self.assertIn('in task state deleting', error.format_message())

    def test_refuses_a_late_call_for_a_server_of_another_operation(
        self,
    ) -> None:
        operation_id = self.acquire(self.server, server_state.DETACHING_PCI)
        self.check_after_timeout()
        other = self.acquire(self.server, server_state.DETACHING_PCI)
        answer = self.endpoint.detach_pci(
            self.context, self.instance(self.server), operation_id, []
        )
        self.assertRaises(exception.PciActionRefused, rpcapi.unpack, answer)
        instance = self.instance(self.server)
        self.assertEqual(server_state.DETACHING_PCI, instance.task_state)
        self.assertEqual(other, server_state.operation_id(instance))

    def test_measures_the_time_of_each_operation(self) -> None:
        self.acquire(self.server, server_state.ATTACHING_PCI)
        self.check()
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = 'the next one'
        instance.save()
        self.check(after=TIMEOUT)
        self.assertTaskState(server_state.ATTACHING_PCI)

    def test_does_not_end_another_operation(self) -> None:
        operation_id = self.acquire(self.server, server_state.ATTACHING_PCI)
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = 'the next one'
        instance.save()
        self.manager._end(self.server, operation_id)
        self.assertTaskState(server_state.ATTACHING_PCI)

    def test_does_not_end_a_running_operation(self) -> None:
        original = self.compute.driver.attach_pci
        checked = []

        def attach_pci(*args: Any) -> None:
            self.check_after_timeout()
            checked.append(self.instance(self.server).task_state)
            original(*args)

        self.compute.driver.attach_pci = attach_pci
        operation_id = self.acquire(self.server, server_state.ATTACHING_PCI)
        answer = self.endpoint.attach_pci(
            self.context,
            self.instance(self.server),
            operation_id,
            [self.request(2)],
        )
        rpcapi.unpack(answer)
        self.assertEqual([server_state.ATTACHING_PCI], checked)
        self.assertEqual(3, len(self.devices(self.server)))
        # The next stale operation is found.
        self.acquire(self.server, server_state.DETACHING_PCI)
        self.check_after_timeout()
        self.assertConsistent(self.server)

    def test_ends_an_operation_without_a_recorded_action(self) -> None:
        self.acquire(self.server, server_state.ATTACHING_PCI)
        self.context.request_id = 'req-not-recorded'
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = 'req-not-recorded'
        instance.save()
        self.check_after_timeout()
        self.assertConsistent(self.server)
        self.assertActionFailed(
            'attach_pci', 'did not run on the compute host'
        )

    def test_ends_an_operation_without_an_id(self) -> None:
        objects.InstanceAction.action_start(
            self.context, self.server, 'attach_pci', want_result=False
        )
        instance = self.instance(self.server)
        instance.task_state = server_state.ATTACHING_PCI
        instance.save()
        self.check_after_timeout()
        self.assertConsistent(self.server)
        # The last action is of another operation.
        action = objects.InstanceAction.get_by_request_id(
            self.context, self.server, self.context.request_id
        )
        self.assertIsNone(action.message)

    def test_waits_for_the_pci_tracker(self) -> None:
        self.acquire(self.server, server_state.ATTACHING_PCI)
        tracker = self.compute.rt.pci_tracker
        self.compute.rt.pci_tracker = None
        self.check_after_timeout()
        self.assertTaskState(server_state.ATTACHING_PCI)
        self.compute.rt.pci_tracker = tracker
        self.check_after_timeout()
        self.assertConsistent(self.server)

    def test_ignores_servers_of_other_hosts(self) -> None:
        self.acquire(self.server, server_state.ATTACHING_PCI)
        instance = self.instance(self.server)
        instance.host = 'host-2'
        instance.save()
        self.check_after_timeout()
        self.assertTaskState(server_state.ATTACHING_PCI)


class EndedTest(StaleTestCase):
    """Operations that ended on this host without a release of the server."""

    def end(
        self,
        begin: Callable[[str], Callable[[], Any]],
        task_state: str,
        step: str,
    ) -> None:
        call = begin(self.acquire(self.server, task_state))
        with test_faults.Fault(step, test_faults.KILLED, after=True):
            self.assertRaises(test_faults.Killed, call)
        self.assertTaskState(task_state)
        self.check_after_timeout()
        self.assertConsistent(self.server)

    def attach(self, operation_id: str) -> Callable[[], Any]:
        return lambda: self.endpoint.attach_pci(
            self.context,
            self.instance(self.server),
            operation_id,
            [self.request(2)],
        )

    def detach(self, operation_id: str) -> Callable[[], Any]:
        [device] = self.instance(self.server).pci_devices
        return lambda: self.endpoint.detach_pci(
            self.context,
            self.instance(self.server),
            operation_id,
            [device.dev_id],
        )

    def test_undoes_an_attach_before_its_record(self) -> None:
        self.end(self.attach, server_state.ATTACHING_PCI, 'check')
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertActionFailed('attach_pci', 'no device was attached')

    def test_undoes_an_attach_with_claimed_devices(self) -> None:
        self.end(self.attach, server_state.ATTACHING_PCI, 'claim')
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertActionFailed('attach_pci', 'not all devices were attached')

    def test_completes_an_attach_with_devices_in_the_guest(self) -> None:
        self.end(self.attach, server_state.ATTACHING_PCI, 'attach')
        self.assertEqual(3, len(self.devices(self.server)))

    def test_completes_a_marked_detach(self) -> None:
        self.end(self.detach, server_state.DETACHING_PCI, 'mark')
        self.assertEqual([], self.devices(self.server))


class ScheduleTest(base.HostTestCase):
    def test_each_manager_checks_its_host_once(self) -> None:
        checked: list[str] = []

        class Manager(manager.Manager):
            def __init__(self, host: str) -> None:
                super().__init__(host=host)
                periodic_tasks.schedule(
                    self, 'task', 1, lambda context: checked.append(host)
                )

        for host in 'first', 'second':
            Manager(host)
        tasks = [name for name, _ in Manager._periodic_tasks]
        self.assertEqual(['task'], tasks)
        second = Manager('second')
        second._periodic_last_run['task'] = None
        second.periodic_tasks(self.context, raise_on_error=True)
        self.assertEqual(['second'], checked)
