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

"""What nova-api does of an attach, with a host that answers as told."""

from collections.abc import Callable
from typing import Any

from nova import objects
import oslo_messaging as messaging

from pci_ext import exception
from pci_ext.compute import operation
from pci_ext.compute import rpcapi
from pci_ext.integration import task_states
from pci_ext.tests.unit.api import base


class AttachmentsTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        node = self.create_host('cell1', 'host1')
        self.server = self.create_server('cell1', 'server', node)
        self.save(launched_at='2026-01-01T00:00:00Z')
        self.called: list[str] = []

    def save(self, **values: Any) -> None:
        instance = self.instance()
        for key, value in values.items():
            setattr(instance, key, value)
        instance.save()

    def instance(self) -> objects.Instance:
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            self.context, self.server
        )
        base.context.set_target_cell(self.context, mapping.cell_mapping)
        return objects.Instance.get_by_uuid(
            self.context, self.server, expected_attrs=['system_metadata']
        )

    def host(self, behave: Callable[[], None]) -> None:
        def call(*args: Any, **kwargs: Any) -> None:
            self.called.append(self.instance().task_state)
            behave()

        self.stub_out('pci_ext.compute.rpcapi.ComputeAPI._call', call)

    def detach(self) -> Any:
        return self.call(
            'POST',
            f'/servers/{self.server}/action',
            {'detach_pci': [{'dev_id': 'pci_0000_01_00_0'}]},
        )

    def assertGivenBack(self) -> None:
        instance = self.instance()
        self.assertIsNone(instance.task_state)
        self.assertNotIn(operation.OPERATION, instance.system_metadata)

    def test_server_is_taken_before_the_host_is_called(self) -> None:
        self.host(lambda: None)
        self.assertEqual(202, self.detach().status_int)
        self.assertEqual([task_states.DETACHING_PCI], self.called)
        # Until the host gives it back.
        self.assertEqual(409, self.detach().status_int)
        self.assertEqual([task_states.DETACHING_PCI], self.called)

    def test_host_does_not_answer(self) -> None:
        def behave() -> None:
            raise messaging.MessagingTimeout()

        self.host(behave)
        response = self.detach()
        self.assertEqual(503, response.status_int, response.text)
        self.assertIn('did not answer', response.text)
        self.assertGivenBack()
        [action] = objects.InstanceActionList.get_by_instance_uuid(
            self.context, self.server
        )
        self.assertEqual('Error', action.message)

    def test_host_does_not_answer_and_another_has_the_server(self) -> None:
        def behave() -> None:
            self.save(task_state='deleting')
            raise messaging.MessagingTimeout()

        self.host(behave)
        self.assertEqual(503, self.detach().status_int)
        self.assertEqual('deleting', self.instance().task_state)

    def test_refusals(self) -> None:
        for error, status in (
            (exception.PciActionRefused(reason='why'), 409),
            (exception.PciDeviceNotAttached(dev_id='why'), 404),
            (exception.PciDeviceOfPort(dev_id='why'), 409),
        ):
            answer = rpcapi.pack(error)
            self.host(lambda answer=answer: rpcapi.unpack(answer))
            response = self.detach()
            self.assertEqual(status, response.status_int, response.text)
            self.assertIn('why', response.text)
            self.save(task_state=None)

    def test_taken_by_two_at_once(self) -> None:
        self.host(lambda: None)
        original = objects.Instance.save

        def save(instance: Any, *args: Any, **kwargs: Any) -> None:
            self.stub_out('nova.objects.Instance.save', original)
            self.save(task_state='rebooting')
            original(instance, *args, **kwargs)

        self.stub_out('nova.objects.Instance.save', save)
        response = self.detach()
        self.assertEqual(409, response.status_int, response.text)
        self.assertIn('rebooting', response.text)
        self.assertEqual([], self.called)

    def test_what_the_host_wrote_meanwhile_stays(self) -> None:
        self.host(lambda: None)
        original = objects.Instance.save

        def save(instance: Any, *args: Any, **kwargs: Any) -> None:
            self.stub_out('nova.objects.Instance.save', original)
            self.save(system_metadata={'pci_ext:test': 'written'})
            original(instance, *args, **kwargs)

        self.stub_out('nova.objects.Instance.save', save)
        self.assertEqual(202, self.detach().status_int)
        metadata = self.instance().system_metadata
        self.assertEqual('written', metadata['pci_ext:test'])
        self.assertIn(operation.OPERATION, metadata)
