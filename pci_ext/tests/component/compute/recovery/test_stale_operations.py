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

"""Servers in an operation that does not run on their host."""

from collections.abc import Callable
import types
from typing import Any

import fixtures
from nova import manager
from nova import objects

from pci_ext import exception
from pci_ext import server_state
from pci_ext.compute import rpcapi
from pci_ext.compute.recovery import stale_operations
from pci_ext.tests.component.compute import base
from pci_ext.tests.component.compute.operations import test_faults

#: Seconds; twice what nova-api waits.
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

    def look(self, after: float = 0) -> None:
        self.now += after
        stale_operations.check(self.compute, self.context)

    def let_expire(self) -> None:
        """Let the time pass after which an operation is stale."""
        self.look()
        self.look(after=TIMEOUT)

    def assertTaken(self, task_state: str) -> None:
        instance = self.instance(self.server)
        self.assertEqual(task_state, instance.task_state)

    def assertTold(self, action: str, *texts: str) -> None:
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
    def test_attach(self) -> None:
        self.take(self.server, server_state.ATTACHING_PCI)
        self.look()
        self.look(after=TIMEOUT - 1)
        self.assertTaken(server_state.ATTACHING_PCI)
        self.look(after=1)
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        self.assertTold('attach_pci', 'was lost', 'no device was attached')
        self.assertIn('it is taken for lost', self.stdlog.logger.output)

    def test_detach(self) -> None:
        self.take(self.server, server_state.DETACHING_PCI)
        self.let_expire()
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        self.assertTold('detach_pci', 'was lost', 'no device was detached')

    def test_reattach(self) -> None:
        self.take(self.server, server_state.ATTACHING_PCI)
        # The task state is the same as that of an attach.
        operation_id = f'{self.context.request_id}-again'
        self.context.request_id = operation_id
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = operation_id
        instance.save()
        objects.InstanceAction.action_start(
            self.context, self.server, 'reattach_pci', want_result=False
        )
        self.let_expire()
        self.assertConsistent(self.server)
        self.assertTold('reattach_pci', 'was lost', 'will be tried again')

    def test_a_call_that_comes_after_all(self) -> None:
        operation_id = self.take(self.server, server_state.ATTACHING_PCI)
        instance = self.instance(self.server)
        self.let_expire()
        answer = self.endpoint.attach_pci(
            self.context, instance, operation_id, [self.request(1)]
        )
        error = self.assertRaises(
            exception.PciActionRefused, rpcapi.unpack, answer
        )
        self.assertIn('given up', error.format_message())
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertConsistent(self.server)
        # A client that waits for the end of the action sees it.
        action = objects.InstanceAction.get_by_request_id(
            self.context, self.server, operation_id
        )
        events = objects.InstanceActionEventList.get_by_action(
            self.context, action.id
        )
        self.assertEqual(['Error'] * 2, [event.result for event in events])

    def test_a_call_that_comes_when_the_server_is_deleted(self) -> None:
        operation_id = self.take(self.server, server_state.DETACHING_PCI)
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

    def test_a_call_that_comes_when_another_has_the_server(self) -> None:
        operation_id = self.take(self.server, server_state.DETACHING_PCI)
        self.let_expire()
        other = self.take(self.server, server_state.DETACHING_PCI)
        answer = self.endpoint.detach_pci(
            self.context, self.instance(self.server), operation_id, []
        )
        self.assertRaises(exception.PciActionRefused, rpcapi.unpack, answer)
        instance = self.instance(self.server)
        self.assertEqual(server_state.DETACHING_PCI, instance.task_state)
        self.assertEqual(other, server_state.operation_id(instance))

    def test_each_operation_has_its_time(self) -> None:
        self.take(self.server, server_state.ATTACHING_PCI)
        self.look()
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = 'the next one'
        instance.save()
        self.look(after=TIMEOUT)
        self.assertTaken(server_state.ATTACHING_PCI)

    def test_another_has_the_server_by_then(self) -> None:
        operation_id = self.take(self.server, server_state.ATTACHING_PCI)
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = 'the next one'
        instance.save()
        self.manager._end(self.server, operation_id)
        self.assertTaken(server_state.ATTACHING_PCI)

    def test_a_running_operation_is_not_stale(self) -> None:
        original = self.compute.driver.attach_pci
        looked = []

        def attach_pci(*args: Any) -> None:
            self.let_expire()
            looked.append(self.instance(self.server).task_state)
            original(*args)

        self.compute.driver.attach_pci = attach_pci
        operation_id = self.take(self.server, server_state.ATTACHING_PCI)
        answer = self.endpoint.attach_pci(
            self.context,
            self.instance(self.server),
            operation_id,
            [self.request(2)],
        )
        rpcapi.unpack(answer)
        self.assertEqual([server_state.ATTACHING_PCI], looked)
        self.assertEqual(3, len(self.devices(self.server)))
        # It leaves nothing that would hide the next one.
        self.take(self.server, server_state.DETACHING_PCI)
        self.let_expire()
        self.assertConsistent(self.server)

    def test_killed_before_the_action_was_recorded(self) -> None:
        self.take(self.server, server_state.ATTACHING_PCI)
        self.context.request_id = 'req-not-recorded'
        instance = self.instance(self.server)
        instance.system_metadata[server_state.OPERATION] = 'req-not-recorded'
        instance.save()
        self.let_expire()
        self.assertConsistent(self.server)
        self.assertTold('attach_pci', 'was lost')

    def test_killed_before_the_operation_was_named(self) -> None:
        objects.InstanceAction.action_start(
            self.context, self.server, 'attach_pci', want_result=False
        )
        instance = self.instance(self.server)
        instance.task_state = server_state.ATTACHING_PCI
        instance.save()
        self.let_expire()
        self.assertConsistent(self.server)
        # It is not taken for the last action.
        action = objects.InstanceAction.get_by_request_id(
            self.context, self.server, self.context.request_id
        )
        self.assertIsNone(action.message)

    def test_before_devices_are_tracked(self) -> None:
        self.take(self.server, server_state.ATTACHING_PCI)
        tracker = self.compute.rt.pci_tracker
        self.compute.rt.pci_tracker = None
        self.let_expire()
        self.assertTaken(server_state.ATTACHING_PCI)
        self.compute.rt.pci_tracker = tracker
        self.let_expire()
        self.assertConsistent(self.server)

    def test_of_another_host(self) -> None:
        self.take(self.server, server_state.ATTACHING_PCI)
        instance = self.instance(self.server)
        instance.host = 'host-2'
        instance.save()
        self.let_expire()
        self.assertTaken(server_state.ATTACHING_PCI)


class EndedTest(StaleTestCase):
    """Operations that ended here without releasing the server."""

    def end(
        self,
        begin: Callable[[str], Callable[[], Any]],
        task_state: str,
        step: str,
    ) -> None:
        call = begin(self.take(self.server, task_state))
        with test_faults.Fault(step, test_faults.KILLED, after=True):
            self.assertRaises(test_faults.Killed, call)
        self.assertTaken(task_state)
        self.let_expire()
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

    def test_attach_with_nothing_recorded(self) -> None:
        self.end(self.attach, server_state.ATTACHING_PCI, 'check')
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertTold('attach_pci', 'no device was attached')

    def test_attach_with_devices_claimed(self) -> None:
        self.end(self.attach, server_state.ATTACHING_PCI, 'claim')
        self.assertEqual(1, len(self.devices(self.server)))
        self.assertTold('attach_pci', 'not all devices were attached')

    def test_attach_with_devices_in_the_guest(self) -> None:
        self.end(self.attach, server_state.ATTACHING_PCI, 'attach')
        self.assertEqual(3, len(self.devices(self.server)))

    def test_detach(self) -> None:
        self.end(self.detach, server_state.DETACHING_PCI, 'mark')
        self.assertEqual([], self.devices(self.server))


class ScheduleTest(base.HostTestCase):
    def test_each_manager_looks_at_its_host_once(self) -> None:
        self.conf.config(rpc_response_timeout=1)
        looked: list[str] = []

        class Manager(manager.Manager):
            def __init__(self, host: str) -> None:
                super().__init__(host=host)
                self.monitor: Any = types.SimpleNamespace(
                    check=lambda context: looked.append(host)
                )

        for host in 'first', 'second':
            scheduled = Manager(host)
            stale_operations.schedule(scheduled, scheduled.monitor)
        tasks = [name for name, _ in Manager._periodic_tasks]
        self.assertEqual(['end_lost_pci_actions'], tasks)
        second = Manager('second')
        stale_operations.schedule(second, second.monitor)
        second._periodic_last_run['end_lost_pci_actions'] = None
        second.periodic_tasks(self.context, raise_on_error=True)
        self.assertEqual(['second'], looked)
