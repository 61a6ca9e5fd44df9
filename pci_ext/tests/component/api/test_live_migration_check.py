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

import fixtures
from nova import context as nova_context
from nova import objects
from nova.compute import api as compute_api
from oslo_utils.fixture import uuidsentinel

from pci_ext import server_state
from pci_ext.policies import pci_devices as policies
from pci_ext.tests.component.api import base

INTEL = {'vendor_id': '8086', 'product_id': '0001', 'numa_node': None}
NVIDIA = INTEL | {'vendor_id': '10de'}

FORBID = {'vendor_id': '8086', 'pci_flavor': 'IntelGPU'}
HOTPLUG = {
    'vendor_id': '10de',
    'pci_flavor': 'NvGPU',
    'live_migration': 'hotplug',
}
NATIVE = {
    'vendor_id': '10de',
    'pci_flavor': 'NvGPU',
    'live_migration': 'native',
    'live_migratable': 'true',
}


class ServerTestCase(base.RouterTestCase):
    """A server whose live migrations are recorded and not run."""

    def setUp(self) -> None:
        super().setUp()
        self.host = self.create_host(
            'cell1', 'host1', {**INTEL, 'dev_type': 'type-PCI', 'count': 1}
        )
        self.server = self.create_server('cell1', 'server', self.host)
        self.started: list[tuple[Any, ...]] = []
        self.useFixture(
            fixtures.MockPatchObject(
                compute_api.API,
                'live_migrate',
                lambda api, *args: self.started.append(args),
            )
        )

    def add_device(
        self, device: dict[str, Any], *spec: dict[str, str]
    ) -> None:
        """Add a device to the server, for a request with alternatives."""
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context, self.server, expected_attrs=['pci_requests']
            )
            requests = list(instance.pci_requests.requests)
            slot = len(requests)
            request_id = getattr(uuidsentinel, f'request{slot}')
            requests.append(
                objects.InstancePCIRequest(
                    count=1,
                    spec=list(spec),
                    alias_name='name',
                    request_id=request_id,
                )
            )
            instance.pci_requests = objects.InstancePCIRequests(
                instance_uuid=self.server, requests=requests
            )
            instance.save()
        self.create_device(
            'cell1',
            self.host,
            f'0000:0{slot}:00.0',
            self.server,
            request_id=request_id,
            **device,
        )


class LiveMigrationsTestCase(ServerTestCase):
    def migrate(self, status: int, version: str = '2.96') -> str:
        """Request a live migration, and check the status of the response."""
        response = self.call(
            'POST',
            f'/servers/{self.server}/action',
            {'os-migrateLive': {'host': None, 'block_migration': 'auto'}},
            version=version,
        )
        self.assertEqual(status, response.status_int, response.text)
        self.assertEqual(1 if status == 202 else 0, len(self.started))
        return str(response.text)

    def test_error_names_a_device_that_forbids_live_migration(self) -> None:
        self.add_device(NVIDIA, HOTPLUG)
        self.add_device(INTEL, FORBID)
        text = self.migrate(409)
        self.assertIn('0000:01:00.0 (PCI flavor IntelGPU)', text)
        self.assertNotIn('NvGPU', text)
        self.migrate(409, '2.25')

    def test_applies_the_policy_of_each_device(self) -> None:
        self.add_device(NVIDIA, HOTPLUG)
        self.add_device(NVIDIA, NATIVE)
        self.add_device(NVIDIA, FORBID, HOTPLUG)
        self.migrate(202)

    def test_applies_the_policy_of_the_allocated_alternative(self) -> None:
        self.add_device(INTEL, HOTPLUG, FORBID)
        self.assertIn('IntelGPU', self.migrate(409))

    def test_ignores_devices_without_a_pci_flavor(self) -> None:
        self.add_device(INTEL, {'vendor_id': '8086'})
        self.migrate(202)

    def test_refuses_a_server_with_a_pending_detach(self) -> None:
        self.add_device(NVIDIA, HOTPLUG)
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context, self.server, expected_attrs=['system_metadata']
            )
            [device] = instance.pci_devices
            server_state.mark_pending_detach(instance, [device], 'req-1')
        self.assertIn('being detached', self.migrate(409))

    def test_ignores_the_pending_detach_of_another_host(self) -> None:
        self.add_device(NVIDIA, HOTPLUG)
        with nova_context.target_cell(
            self.context, self.cell_mappings['cell1']
        ) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context, self.server, expected_attrs=['system_metadata']
            )
            device = instance.pci_devices[0].obj_clone()
            device.compute_node_id += 1
            server_state.mark_pending_detach(instance, [device], 'req-1')
        self.migrate(202)

    def test_policy_hides_addresses(self) -> None:
        self.add_device(INTEL, FORBID)
        self.policy.set_rules({policies.SERVER_LOCATION: '!'}, overwrite=False)
        text = self.migrate(409)
        self.assertIn('IntelGPU', text)
        self.assertNotIn('0000', text)

    def test_location_for_another_project(self) -> None:
        self.add_device(INTEL, FORBID)
        self.policy.set_rules(
            {policies.SERVER_LOCATION: 'project_id:%(project_id)s'},
            overwrite=False,
        )
        self.assertIn('0000', self.migrate(409))
        self.context.project_id = base.OTHER_PROJECT
        self.assertNotIn('0000', self.migrate(409))
