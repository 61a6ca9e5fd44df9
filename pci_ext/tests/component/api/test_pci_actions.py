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

"""Attach and detach in nova-api, with simulated responses of the host."""

from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from oslo_db import exception as db_exc
import oslo_messaging as messaging

from pci_ext import exception
from pci_ext import server_state
from pci_ext.api import operation_record
from pci_ext.api.quota import checks
from pci_ext.compute import rpcapi
from pci_ext.db import pci_flavor_limits as limits_db
from pci_ext.db import pci_flavors as db
from pci_ext.objects import pci_flavor
from pci_ext.tests import fixtures as pci_ext_fixtures
from pci_ext.tests.component.api import base


class AttachmentsTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        node = self.create_host('cell1', 'host1')
        self.service = self.create_service('host1')
        self.server = self.create_server('cell1', 'server', node)
        self.save(launched_at='2026-01-01T00:00:00Z')
        self.called: list[str] = []

    def create_service(self, host: str) -> objects.Service:
        context = self.context_of('admin')
        nova_context.set_target_cell(context, self.cell_mappings['cell1'])
        created = objects.Service(
            context, host=host, binary='nova-compute', topic='compute'
        )
        created.create()
        return created

    def save(self, **values: Any) -> None:
        instance = self.instance(self.server)
        for key, value in values.items():
            setattr(instance, key, value)
        instance.save()

    def instance(self, server: str = '') -> objects.Instance:
        server = server or self.server
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            self.context, server
        )
        base.context.set_target_cell(self.context, mapping.cell_mapping)
        return objects.Instance.get_by_uuid(
            self.context, server, expected_attrs=['system_metadata']
        )

    def test_unreachable_cell_returns_503(self) -> None:
        self.useFixture(
            base.fixtures.MockPatchObject(
                objects.Instance,
                'get_by_uuid',
                side_effect=OSError('no route to the database'),
            )
        )
        for body in (
            {'attach_pci': {'pci_passthrough:pci_flavor': '1:gpu'}},
            {'detach_pci': [{'dev_id': 'pci_0000_01_00_0'}]},
            {'reattach_pci': None},
        ):
            response = self.call(
                'POST', f'/servers/{self.server}/action', body
            )
            self.assertEqual(503, response.status_int, response.text)
            self.assertIn(self.cell_mappings['cell1'].uuid, response.text)

    def stub_host(self, answer: Callable[[], None]) -> None:
        def call(*args: Any, **kwargs: Any) -> None:
            self.called.append(self.instance().task_state)
            answer()

        self.stub_out('pci_ext.compute.rpcapi.ComputeAPI._call', call)

    def detach(self, dev_id: str = 'pci_0000_01_00_0') -> Any:
        return self.call(
            'POST',
            f'/servers/{self.server}/action',
            {'detach_pci': [{'dev_id': dev_id}]},
        )

    def assertReleased(self, server: str = '') -> None:
        instance = self.instance(server)
        self.assertIsNone(instance.task_state)
        self.assertEqual({}, instance.system_metadata)

    def test_acquires_the_server_before_the_call_of_the_host(self) -> None:
        self.stub_host(lambda: None)
        self.assertEqual(202, self.detach().status_int)
        self.assertEqual([server_state.DETACHING_PCI], self.called)
        # Until the host releases the server.
        self.assertEqual(409, self.detach().status_int)
        self.assertEqual([server_state.DETACHING_PCI], self.called)

    def test_refused_request_sets_no_task_state(self) -> None:
        self.stub_host(lambda: None)
        for dev_id in '', 'pci_\ud800', 'pci_\x00':
            response = self.detach(dev_id)
            self.assertEqual(400, response.status_int, response.text)
        self.assertEqual([], self.called)
        self.assertReleased()

    def test_unreachable_host_releases_the_server(self) -> None:
        def answer() -> None:
            raise messaging.MessagingTimeout()

        self.stub_host(answer)
        response = self.detach()
        self.assertEqual(503, response.status_int, response.text)
        self.assertIn('did not answer', response.text)
        self.assertReleased()
        [action] = objects.InstanceActionList.get_by_instance_uuid(
            self.context, self.server
        )
        self.assertEqual('Error', action.message)

    def test_undelivered_call_releases_the_server(self) -> None:
        def answer() -> None:
            raise messaging.MessageDeliveryFailure()

        self.stub_host(answer)
        response = self.detach()
        self.assertEqual(500, response.status_int, response.text)
        self.assertReleased()
        [action] = objects.InstanceActionList.get_by_instance_uuid(
            self.context, self.server
        )
        self.assertEqual('Error', action.message)

    def test_unreachable_hypervisor_releases_the_server(self) -> None:
        def answer() -> None:
            raise nova_exception.HypervisorUnavailable()

        self.stub_host(answer)
        response = self.detach()
        self.assertEqual(503, response.status_int, response.text)
        self.assertIn('hypervisor', response.text)
        self.assertReleased()

    def test_unreachable_host_keeps_the_task_state_of_another_operation(
        self,
    ) -> None:
        def answer() -> None:
            self.save(task_state='deleting')
            raise messaging.MessagingTimeout()

        self.stub_host(answer)
        self.assertEqual(503, self.detach().status_int)
        self.assertEqual('deleting', self.instance().task_state)

    def test_maps_errors_of_the_host_to_statuses(self) -> None:
        for error, status in (
            (exception.PciActionRefused(reason='why'), 409),
            (exception.PciDeviceNotAttached(dev_id='why'), 404),
            (exception.PciDeviceOfPort(dev_id='why'), 409),
        ):
            answer = rpcapi.pack(error)
            self.stub_host(lambda answer=answer: rpcapi.unpack(answer))
            response = self.detach()
            self.assertEqual(status, response.status_int, response.text)
            self.assertIn('why', response.text)
            self.save(task_state=None)

    def before_save(self, number: int, function: Callable[[], None]) -> None:
        """Call a function before a save of the server, by its number."""
        original = objects.Instance.save
        saves = iter(range(1, number + 1))

        def save(instance: Any, *args: Any, **kwargs: Any) -> None:
            if next(saves) == number:
                self.stub_out('nova.objects.Instance.save', original)
                function()
            original(instance, *args, **kwargs)

        self.stub_out('nova.objects.Instance.save', save)

    def test_refuses_a_server_acquired_by_another_request(self) -> None:
        self.stub_host(lambda: None)
        self.before_save(1, lambda: self.save(task_state='rebooting'))
        response = self.detach()
        self.assertEqual(409, response.status_int, response.text)
        self.assertIn('rebooting', response.text)
        self.assertEqual([], self.called)

    def test_refuses_a_server_deleted_after_it_was_acquired(self) -> None:
        self.stub_host(lambda: None)
        self.before_save(2, lambda: self.save(task_state='deleting'))
        response = self.detach()
        self.assertEqual(409, response.status_int, response.text)
        self.assertIn('task_state deleting', response.text)
        self.assertEqual([], self.called)
        self.assertEqual('deleting', self.instance().task_state)

    def fail(self) -> None:
        raise db_exc.DBError('the database is away')

    def test_releases_a_server_whose_operation_is_not_recorded(self) -> None:
        self.stub_host(lambda: None)
        self.before_save(2, self.fail)
        self.assertEqual(500, self.detach().status_int)
        self.assertEqual([], self.called)
        self.assertReleased()
        self.assertEqual(202, self.detach().status_int)

    def test_releases_a_server_whose_record_was_saved_with_an_error(
        self,
    ) -> None:
        self.stub_host(lambda: None)
        record = operation_record._record

        def fail_after(*args: Any) -> None:
            record(*args)
            self.fail()

        self.stub_out('pci_ext.api.operation_record._record', fail_after)
        self.assertEqual(500, self.detach().status_int)
        self.assertReleased()

    def test_releases_a_server_whose_action_is_not_recorded(self) -> None:
        self.stub_host(lambda: None)
        self.stub_out(
            'nova.objects.InstanceAction.action_start',
            lambda *args, **kwargs: self.fail(),
        )
        self.assertEqual(500, self.detach().status_int)
        self.assertEqual([], self.called)
        self.assertReleased()

    def test_keeps_a_concurrent_change_of_metadata(self) -> None:
        self.stub_host(lambda: None)
        self.before_save(
            1,
            lambda: self.save(system_metadata={'pci_ext:test': 'written'}),
        )
        self.assertEqual(202, self.detach().status_int)
        metadata = self.instance().system_metadata
        self.assertEqual('written', metadata['pci_ext:test'])
        self.assertIn(server_state.OPERATION, metadata)


class HostsTestCase(AttachmentsTestCase):
    """Servers without a host, or with a host that is down."""

    def setUp(self) -> None:
        super().setUp()
        self.stub_host(lambda: None)

    def assertRefused(self, status: int, text: str) -> None:
        response = self.detach()
        self.assertEqual(status, response.status_int, response.text)
        self.assertIn(text, response.text)
        self.assertEqual([], self.called)

    def test_refuses_a_server_without_a_host(self) -> None:
        self.save(host=None, node=None, compute_id=None)
        self.assertRefused(409, 'is on no host')
        self.assertReleased()

    def test_refuses_a_host_that_is_down(self) -> None:
        self.service.forced_down = True
        self.service.save()
        # Also where the host has not reset the task state.
        for task_state in None, server_state.DETACHING_PCI:
            self.save(task_state=task_state)
            self.assertRefused(503, 'is down')
            self.assertEqual(task_state, self.instance().task_state)


class QuotaTestCase(AttachmentsTestCase):
    """Two attaches at the same time, and a limit of one device."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(pci_ext_fixtures.Activation())
        node = self.create_host('cell1', 'host2')
        self.create_service('host2')
        self.other = self.create_server('cell1', 'other', node)
        instance = self.instance(self.other)
        instance.launched_at = '2026-01-01T00:00:00Z'
        instance.save()
        self.flavor = db.create(
            pci_flavor.PciFlavor(name='gpu', specs={'vendor_id': '10de'})
        )
        limits_db.update(self.flavor.uuid, {limits_db.DEFAULT: 1})
        self.stub_host(lambda: None)

    def attach(self, server: str) -> Any:
        return self.call(
            'POST',
            f'/servers/{server}/action',
            {'attach_pci': {'pci_passthrough:pci_flavor': '1:gpu'}},
        )

    def after_quota_check(self, function: Callable[[], None]) -> None:
        """Call a function after the first check of the quota of an attach."""
        original = checks.check_attach

        def check_attach(*args: Any) -> Any:
            checked = original(*args)
            self.stub_out('pci_ext.api.quota.checks.check_attach', original)
            function()
            return checked

        self.stub_out('pci_ext.api.quota.checks.check_attach', check_attach)

    def test_refuses_too_many_devices(self) -> None:
        alias = '{"name": "card", "vendor_id": "8086", "product_id": "10c9"}'
        self.flags(group='pci', alias=[alias])
        response = self.call(
            'POST',
            f'/servers/{self.server}/action',
            {'attach_pci': {'pci_passthrough:alias': 'card:257'}},
        )
        self.assertEqual(400, response.status_int, response.text)
        self.assertEqual(
            'Invalid request for PCI devices: 257 devices, and not 1 to 256.',
            response.json['badRequest']['message'],
        )

    def test_recheck_refuses_one_of_two_attaches(self) -> None:
        answers = []
        self.after_quota_check(lambda: answers.append(self.attach(self.other)))
        response = self.attach(self.server)
        self.assertEqual(403, response.status_int, response.text)
        self.assertIn('requested 1, and other requests at', response.text)
        self.assertReleased(self.server)
        self.assertEqual([202], [each.status_int for each in answers])
        # Its host was not called, and it has no unfinished action.
        self.assertEqual(1, len(self.called))
        actions = objects.InstanceActionList.get_by_instance_uuid(
            self.instance()._context, self.server
        )
        self.assertEqual([], list(actions))

    def test_option_disables_the_recheck(self) -> None:
        self.flags(recheck_quota=False, group='quota')
        self.after_quota_check(lambda: self.attach(self.other))
        self.assertEqual(202, self.attach(self.server).status_int)

    def test_quota_counts_the_reservation(self) -> None:
        self.assertEqual(202, self.attach(self.other).status_int)
        # The requested devices are counted before the host responds.
        self.assertEqual(
            {self.flavor.uuid: 1},
            server_state.reserved(self.instance(self.other).system_metadata),
        )
        self.assertEqual(403, self.attach(self.server).status_int)
        self.assertReleased(self.server)
