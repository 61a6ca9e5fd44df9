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

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import vm_states
from oslo_utils import uuidutils
from oslo_utils.fixture import uuidsentinel

from pci_ext import exception
from pci_ext import server_state
from pci_ext.policies import pci_devices as policies
from pci_ext.tests.component.api import base

INTEL = {'vendor_id': '8086', 'product_id': '0001', 'numa_node': None}
NVIDIA = INTEL | {'vendor_id': '10de'}

FIRST = {'vendor_id': '8086', 'pci_flavor': 'IntelGPU'}
SECOND = {'vendor_id': '10de', 'pci_flavor': 'NvGPU'}
NAMED = {'e.name': '10GE', 'pci_name': '10GE'}

NOT_DETACHED = (
    'The device was not detached: the guest has not released it. It is freed '
    'when the guest does, or when the server is stopped.'
)


class ServerDevicesTestCase(base.RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = self.create_host(
            'cell1', 'host1', {**INTEL, 'dev_type': 'type-PCI', 'count': 1}
        )
        self.server = self.create_server('cell1', 'server', self.host)
        self.record_requests(
            self.request('boot', FIRST, SECOND),
            self.request('hot', SECOND, requester_id='pci_ext:hot'),
            self.request('attaching', FIRST, requester_id='pci_ext:attaching'),
            self.request('named', NAMED),
        )
        self.path = f'/servers/{self.server}/os-pci-devices'

    def request(
        self, name: str, *spec: dict[str, str], **values: Any
    ) -> objects.InstancePCIRequest:
        return objects.InstancePCIRequest(
            count=1,
            spec=list(spec),
            alias_name='name',
            request_id=getattr(uuidsentinel, name),
            **values,
        )

    def record_requests(self, *requests: objects.InstancePCIRequest) -> None:
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context, self.server, expected_attrs=['pci_requests']
            )
            instance.pci_requests = objects.InstancePCIRequests(
                instance_uuid=self.server, requests=list(requests)
            )
            instance.save()

    def add_device(self, slot: int, request: str, **values: Any) -> None:
        self.create_device(
            'cell1',
            self.host,
            f'0000:0{slot}:00.0',
            self.server,
            request_id=getattr(uuidsentinel, request),
            **values,
        )

    def get_list(self, **options: Any) -> list[dict[str, Any]]:
        response = self.call('GET', self.path, **options)
        self.assertEqual(200, response.status_int, response.text)
        return list(response.json['pci_devices'])

    def test_shows_all_fields(self) -> None:
        self.add_device(2, 'boot', **NVIDIA)
        self.assertEqual(
            [
                {
                    'address': '0000:02:00.0',
                    'dev_id': 'pci_0000_02_00_0',
                    'vendor_id': '10de',
                    'product_id': '0001',
                    'pci_flavor': 'NvGPU',
                    'alternatives': ['IntelGPU', 'NvGPU'],
                    'pci_name': None,
                    'status': 'allocated',
                    'attached': 'boot',
                    'state': 'attached',
                    'last_error': None,
                    'port_id': None,
                    'failover_port_id': None,
                }
            ],
            self.get_list(context=self.context_of('reader')),
        )

    def test_shows_the_request_of_each_device(self) -> None:
        self.add_device(1, 'attaching', status='claimed', **INTEL)
        self.add_device(2, 'boot', **INTEL)
        self.add_device(3, 'hot', **NVIDIA)
        self.add_device(4, 'named', **INTEL)
        self.add_device(5, 'of no request', **INTEL)
        self.assertEqual(
            [None, None, None, '10GE', None],
            [each['pci_name'] for each in self.get_list()],
        )
        self.assertEqual(
            [
                ('IntelGPU', ['IntelGPU'], 'claimed', 'hot'),
                ('IntelGPU', ['IntelGPU', 'NvGPU'], 'allocated', 'boot'),
                ('NvGPU', ['NvGPU'], 'allocated', 'hot'),
                (None, [], 'allocated', 'boot'),
                (None, [], 'allocated', 'boot'),
            ],
            [
                (
                    each['pci_flavor'],
                    each['alternatives'],
                    each['status'],
                    each['attached'],
                )
                for each in self.get_list()
            ],
        )

    def test_lists_devices_of_the_server_on_its_host_only(self) -> None:
        other = self.create_server('cell1', 'other', self.host)
        host2 = self.create_host('cell1', 'host2')
        self.create_device('cell1', self.host, '0000:01:00.0')
        self.create_device('cell1', self.host, '0000:02:00.0', other)
        self.create_device('cell1', host2, '0000:03:00.0', self.server)
        self.assertEqual([], self.get_list())

    def test_excludes_other_hosts_with_the_same_hypervisor_name(self) -> None:
        # For example a host that was renamed, or the other host of a move.
        other = self.create_host('cell1', 'host2', hypervisor_hostname='host1')
        self.create_device('cell1', other, '0000:03:00.0', self.server)
        self.add_device(2, 'boot', **INTEL)
        self.assertEqual(
            ['0000:02:00.0'], [each['address'] for each in self.get_list()]
        )

    def test_policy_hides_addresses(self) -> None:
        self.add_device(2, 'boot', **INTEL)
        self.policy.set_rules(
            {policies.SERVER: '@', policies.SERVER_LOCATION: '!'},
            overwrite=False,
        )
        (shown,) = self.get_list()
        self.assertNotIn('address', shown)
        self.assertNotIn('dev_id', shown)
        self.assertEqual('IntelGPU', shown['pci_flavor'])

    def recorded(
        self, instance: objects.Instance, address: str
    ) -> objects.PciDevice:
        """Return a device of the server."""
        [device] = [
            each for each in instance.pci_devices if each.address == address
        ]
        return device

    def start_detach(self, slot: int, error: str | None) -> None:
        """Start to detach a device.

        :param error: the error in the event of the failed operation; None:
            the operation runs
        """
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            cell_context.request_id = f'req-{uuidutils.generate_uuid()}'
            instance = objects.Instance.get_by_uuid(
                cell_context, self.server, expected_attrs=['system_metadata']
            )
            server_state.mark_pending_detach(
                instance,
                [self.recorded(instance, f'0000:0{slot}:00.0')],
                cell_context.request_id,
            )
            objects.InstanceAction.action_start(
                cell_context, self.server, 'detach_pci', want_result=False
            )
            event = objects.InstanceActionEvent
            event.event_start(
                cell_context,
                self.server,
                'compute_detach_pci',
                want_result=False,
            )
            if error is not None:
                event.event_finish_with_failure(
                    cell_context,
                    self.server,
                    'compute_detach_pci',
                    exc_val=exception.PciExtException(error),
                    exc_tb='traceback',
                    want_result=False,
                )

    def last_errors(self, *roles: str) -> list[str | None]:
        context = self.context_of(*roles) if roles else None
        return [each['last_error'] for each in self.get_list(context=context)]

    def test_errors_of_the_hypervisor(self) -> None:
        details = 'os_compute_api:os-instance-actions:events:details'
        rules = {policies.SERVER: '@', policies.SERVER_LOCATION: '@'}
        self.policy.set_rules(
            {**rules, details: 'role:admin'}, overwrite=False
        )
        for slot in range(1, 4):
            self.add_device(slot, 'boot', **INTEL)
        text = 'its VFs are in domain instance-00000007'
        self.start_detach(1, text)
        self.reattach_fails(2, server_state.RETRYING, text)
        self.reattach_fails(3, server_state.FAILED, text)
        self.assertEqual([text] * 3, self.last_errors())
        for role in 'reader', 'member':
            self.assertEqual(
                [
                    NOT_DETACHED,
                    'The device was not attached, and will be tried again.',
                    'The device was not attached.',
                ],
                self.last_errors(role),
            )
        self.policy.set_rules(
            {**rules, details: 'role:reader'}, overwrite=False
        )
        self.assertEqual([text] * 3, self.last_errors('reader'))

    def reattach_fails(self, slot: int, state: str, text: str) -> None:
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context, self.server, expected_attrs=['system_metadata']
            )
            server_state._REATTACH_ERRORS.mark(
                instance, [f'0000:0{slot}:00.0'], f'{state} {text}'
            )

    def test_shows_the_last_error(self) -> None:
        for slot in range(1, 4):
            self.add_device(slot, 'boot', **INTEL)
        self.start_detach(2, 'guest timeout')
        self.start_detach(3, None)
        self.assertEqual([None, 'guest timeout', None], self.last_errors())
        self.start_detach(2, 'guest timeout again')
        self.start_detach(3, 'device is busy')
        self.assertEqual(
            [None, 'guest timeout again', 'device is busy'], self.last_errors()
        )
        self.policy.set_rules(
            {policies.SERVER: '@', policies.SERVER_LOCATION: '!'},
            overwrite=False,
        )
        self.assertEqual(
            [None, NOT_DETACHED, NOT_DETACHED], self.last_errors()
        )
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(cell_context, self.server)
            instance.vm_state = vm_states.PAUSED
            instance.save()
        paused = (
            'The device was not detached: a paused guest releases none. '
            'Unpause the server; the device is freed then.'
        )
        self.assertEqual([None, paused, paused], self.last_errors())

    def test_last_error_is_none_without_a_recorded_operation(self) -> None:
        self.add_device(1, 'boot', **INTEL)
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context, self.server, expected_attrs=['system_metadata']
            )
            server_state.mark_pending_detach(
                instance, [self.recorded(instance, '0000:01:00.0')], 'req-none'
            )
        self.assertEqual([None], self.last_errors())

    def test_refuses_users_by_role_and_project(self) -> None:
        for roles, project_id, status in (
            (['something-else'], base.OWN_PROJECT, 403),
            (['member'], base.OTHER_PROJECT, 404),
        ):
            response = self.call(
                'GET',
                self.path,
                context=self.context_of(*roles, project_id=project_id),
            )
            self.assertEqual(status, response.status_int, roles)

    def test_unknown_server_is_not_found(self) -> None:
        for id in (uuidsentinel.none, 'x', '%00'):
            response = self.call('GET', f'/servers/{id}/os-pci-devices')
            self.assertEqual(404, response.status_int, id)

    def test_server_without_a_host_has_no_devices(self) -> None:
        uuid = self.create_server('cell1', 'failed')
        response = self.call('GET', f'/servers/{uuid}/os-pci-devices')
        self.assertEqual({'pci_devices': []}, response.json)

    def test_refuses_an_unknown_query_parameter(self) -> None:
        response = self.call('GET', f'{self.path}?color=red')
        self.assertEqual(400, response.status_int)

    def test_unreachable_cell_returns_503(self) -> None:
        self.useFixture(
            base.fixtures.MockPatchObject(
                objects.Instance,
                'get_by_uuid',
                side_effect=OSError('no route to the database'),
            )
        )
        response = self.call('GET', self.path)
        self.assertEqual(503, response.status_int)
        self.assertIn(self.cell_mappings['cell1'].uuid, response.text)

    def test_sends_one_query(self) -> None:
        for slot in range(1, 6):
            self.add_device(slot, 'boot', **INTEL)
        with base.statements('pci_devices') as statements:
            self.assertEqual(5, len(self.get_list()))
        self.assertEqual(2, len(statements))
